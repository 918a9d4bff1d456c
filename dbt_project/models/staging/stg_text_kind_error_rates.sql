-- Counted by `make bench-texts`; docs/texts.md says what each set is.
select
    kind,
    platform,
    'pulse-english-2.0-aecb73cb' as model_id,
    gold_set,
    positive_n,
    true_positive_n,
    negative_n,
    false_positive_n
from (
    values
    ('advice', '*', 'SemEval 2019 task 9 B, hotels', 404, 283, 404, 13),
    ('complaint', '*', 'complaint tweets', 824, 454, 1480, 131),
    ('complaint', 'reddit', 'hand-labelled posts', 12, 4, 153, 30),
    ('experience', '*', 'experience sentences', 1405, 745, 13523, 503),
    ('experience', 'reddit', 'hand-labelled posts', 23, 16, 142, 47),
    ('promotion', '*', 'YouTube comments', 485, 350, 529, 32),
    ('promotion', 'reddit', 'hand-labelled posts', 7, 3, 158, 6),
    ('question', '*', 'chat acts', 566, 511, 5080, 111),
    ('question', 'reddit', 'hand-labelled posts', 38, 32, 127, 22),
    ('recommendation_request', '*', 'hand-labelled posts', 12, 9, 153, 5),
    ('recommendation_request', 'reddit', 'hand-labelled posts', 12, 9, 153, 5),
    ('support_request', '*', 'hand-labelled posts', 9, 9, 156, 21),
    ('support_request', 'reddit', 'hand-labelled posts', 9, 9, 156, 21),
    ('wish', '*', 'SemEval 2019 task 9 A', 2308, 1444, 5996, 645),
    ('wish', 'reddit', 'hand-labelled posts', 12, 6, 153, 5)
) as counted (kind, platform, gold_set, positive_n, true_positive_n, negative_n, false_positive_n)
