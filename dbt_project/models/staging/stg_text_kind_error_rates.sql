-- Counted by `make bench-texts`; docs/texts.md says what each set is.
select
    kind,
    platform,
    'pulse-english-1.0-c2a0c22d' as model_id,
    gold_set,
    positive_n,
    true_positive_n,
    negative_n,
    false_positive_n
from (
    values
    ('advice', '*', 'SemEval 2019 task 9 B, hotels', 404, 289, 404, 14),
    ('complaint', '*', 'complaint tweets', 824, 384, 1480, 114),
    ('complaint', 'reddit', 'hand-labelled posts', 12, 6, 153, 36),
    ('experience', '*', 'experience sentences', 1405, 613, 13523, 522),
    ('experience', 'reddit', 'hand-labelled posts', 23, 15, 142, 39),
    ('promotion', '*', 'YouTube comments', 485, 232, 529, 4),
    ('promotion', 'reddit', 'hand-labelled posts', 7, 2, 158, 7),
    ('question', '*', 'chat acts', 566, 511, 5080, 111),
    ('question', 'reddit', 'hand-labelled posts', 38, 32, 127, 22),
    ('recommendation_request', '*', 'hand-labelled posts', 12, 9, 153, 5),
    ('recommendation_request', 'reddit', 'hand-labelled posts', 12, 9, 153, 5),
    ('support_request', '*', 'hand-labelled posts', 9, 9, 156, 16),
    ('support_request', 'reddit', 'hand-labelled posts', 9, 9, 156, 16),
    ('wish', '*', 'SemEval 2019 task 9 A', 2308, 1459, 5996, 665),
    ('wish', 'reddit', 'hand-labelled posts', 12, 6, 153, 4)
) as counted (kind, platform, gold_set, positive_n, true_positive_n, negative_n, false_positive_n)
