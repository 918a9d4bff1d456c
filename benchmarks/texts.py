"""``make bench-texts``: the sentiment engine against VADER, on public gold data that is not part of the project.

Agreement with people (macro-F1 of three classes with a paired bootstrap interval, confusion, calibration; correlation
with human grades), speed in one process and one thread unless said, memory, and the first score of a fresh process. A
data set that is not in ``--data`` is skipped with a line that says so.
"""

import argparse
import csv
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from benchmarks import text_kinds
from benchmarks.measure import Cost, in_own_process, measured
from pulse.texts import Scorer, get_scorer
from pulse.texts.training import read_goemotions

LABELS = ("negative", "neutral", "positive")
_BATCH_ROWS = 8_192
_DRAWS_N = 1_000
_ROUNDS_N = 5
_FIRST_SCORE = """
import time
started_s = time.perf_counter()
import pyarrow as pa
from pulse.texts import get_scorer
get_scorer("pulse").score(pa.array(["not bad at all"]))
print(time.perf_counter() - started_s)
"""


@dataclass(frozen=True)
class Gold:
    """Texts with a class (0, 1, 2: negative, neutral, positive) or a grade each, as people gave it."""

    name: str
    texts: list[str]
    truth: np.ndarray


def run(data: Path) -> Iterator[str]:
    """All measurements; yields lines to show."""
    scorers = (get_scorer("vader"), get_scorer("pulse"))
    yield f"## Sentiment: {scorers[1].model_id} against {scorers[0].model_id}\n"
    yield from agreement(data, scorers)
    yield from correlation(data, scorers)
    yield from speed(data, scorers)
    yield from speed_from_parquet(data)
    yield from first_score()
    yield ""
    yield from text_kinds.run(data, scorers[1])


# ---- agreement with people -------------------------------------------------


def agreement(data: Path, scorers: Sequence[Scorer]) -> Iterator[str]:
    """Macro-F1 of both, their difference, calibration, and the engine's confusion."""
    yield "| gold data | texts | VADER | engine | difference, 95 % interval | calibration error | limits |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    confusions = []
    for gold in _present(data, LABELLED):
        baseline, engine = (_judged(scorer, gold.texts) for scorer in scorers)
        guessed = [_classes(rows) for rows in (baseline, engine)]
        low, high = _paired_interval(gold.truth, *guessed)
        scores = [macro_f1(gold.truth, classes) for classes in guessed]
        limits = "≥ 0.70, ≥ VADER + 0.09, ≤ 0.05" if gold.name == "GoEmotions dev" else ""
        yield (
            f"| {gold.name} | {len(gold.texts)} | {scores[0]:.3f} | {scores[1]:.3f} | {scores[1] - scores[0]:+.3f} "
            f"[{low:+.3f}, {high:+.3f}] | {_calibration_error(gold.truth, engine):.3f} | {limits} |"
        )
        confusions += ["", f"{gold.name}, engine (VADER): rows are what people said", "", *_confusion(gold, *guessed)]
    yield from confusions
    yield ""


def macro_f1(truth: np.ndarray, guessed: np.ndarray) -> float:
    """Mean of the three classes' F1; a class that nobody named counts 0."""
    table = np.bincount(3 * truth + guessed, minlength=9).reshape(3, 3)
    return float(np.mean(2 * table.diagonal() / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)))


def _paired_interval(truth: np.ndarray, baseline: np.ndarray, engine: np.ndarray) -> tuple[float, float]:
    """95 % interval of the difference in macro-F1, both judged on the same drawn texts."""
    random = np.random.default_rng(7)
    differences = []
    for _ in range(_DRAWS_N):
        drawn = random.integers(0, truth.size, truth.size)
        differences.append(macro_f1(truth[drawn], engine[drawn]) - macro_f1(truth[drawn], baseline[drawn]))
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def _calibration_error(truth: np.ndarray, judged: pa.RecordBatch) -> float:
    """Expected calibration error of the likeliest class, 15 bins of equal width; scorable texts only."""
    is_scored = np.array(judged.column("is_scorable"), bool)
    columns = [judged.column(f"p_{label}").to_numpy(zero_copy_only=False) for label in LABELS]
    probabilities = np.column_stack(columns)[is_scored]
    confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth[is_scored]
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [abs(is_right[bins == k].mean() - confidence[bins == k].mean()) * (bins == k).mean() for k in set(bins)]
    return float(sum(gaps))


def _confusion(gold: Gold, baseline: np.ndarray, engine: np.ndarray) -> Iterator[str]:
    yield "| | " + " | ".join(LABELS) + " |"
    yield "| --- | --- | --- | --- |"
    for row, label in enumerate(LABELS):
        counts = [
            f"{int(((gold.truth == row) & (engine == column)).sum())} "
            f"({int(((gold.truth == row) & (baseline == column)).sum())})"
            for column in range(3)
        ]
        yield f"| {label} | " + " | ".join(counts) + " |"


def correlation(data: Path, scorers: Sequence[Scorer]) -> Iterator[str]:
    """Pearson's correlation of the graded score with human grades; a text without a score counts 0."""
    yield "| graded data | texts | VADER | engine | limit |"
    yield "| --- | --- | --- | --- | --- |"
    for gold in _present(data, GRADED):
        found = []
        for scorer in scorers:
            scores = _judged(scorer, gold.texts).column("sentiment_score").fill_null(0.0).to_numpy()
            found.append(float(np.corrcoef(scores, gold.truth)[0, 1]))
        yield f"| {gold.name} | {len(gold.texts)} | {found[0]:.3f} | {found[1]:.3f} | ≥ VADER − 0.02 |"
    yield ""


def _judged(scorer: Scorer, texts: Sequence[str]) -> pa.RecordBatch:
    return scorer.score(pa.array(texts, pa.string()))


def _classes(judged: pa.RecordBatch) -> np.ndarray:
    """Classes by number; a text without a label counts as neutral, so that both models answer for all texts."""
    return np.array([LABELS.index(label) if label else 1 for label in judged.column("label").to_pylist()])


# ---- speed and memory ------------------------------------------------------


def speed(data: Path, scorers: Sequence[Scorer]) -> Iterator[str]:
    """Texts per CPU second on short comments, in this process."""
    for gold in _present(data, {"GoEmotions dev": LABELLED["GoEmotions dev"]}):
        texts = pa.array(gold.texts)
        many = pa.concat_arrays([texts] * 8)
        judges = ((scorers[0].score, texts), (scorers[1].score_sentiment, many), (scorers[1].score, many))
        rounds = [[_rate(judge, given) for judge, given in judges] for _ in range(_ROUNDS_N)]
        baseline, sentiment, everything = (median(rates) for rates in zip(*rounds, strict=True))
        ratios = [median(rates[place] / rates[0] for rates in rounds) for place in (1, 2)]
        yield "| short comments, one thread | texts per CPU second | ratio | limit |"
        yield "| --- | --- | --- | --- |"
        yield f"| VADER | {baseline:,.0f} | 1 | |"
        yield f"| engine, sentiment | {sentiment:,.0f} | {ratios[0]:.1f} | 15 |"
        yield f"| engine, sentiment and kinds | {everything:,.0f} | {ratios[1]:.1f} | 8 |"
        yield ""


def _rate(judge: Callable[[pa.Array], pa.RecordBatch], texts: pa.Array) -> float:
    started_s = time.process_time()
    for start in range(0, len(texts), _BATCH_ROWS):
        judge(texts.slice(start, _BATCH_ROWS))
    return len(texts) / (time.process_time() - started_s)


def speed_from_parquet(data: Path) -> Iterator[str]:
    """Mixed real text, from a Parquet file to judgements: one thread, then two."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mixed.parquet"
        texts_n = _write_mixed(data, file)
        if not texts_n:
            yield "Skipped: mixed text needs reddit_top_posts/, sentiment_goemotions/ or reddit_politics_comments/."
            return
        one = in_own_process("benchmarks.texts:judge_parquet", str(file), 1, repeat=3)
        two = in_own_process("benchmarks.texts:judge_parquet", str(file), 2, repeat=3)
    yield f"| mixed text from Parquet, {texts_n} texts | texts per second | per CPU second | peak MB | limit |"
    yield "| --- | --- | --- | --- | --- |"
    for name, cost, limit in (("one thread", one, "100,000; 500 MB"), ("two threads", two, "1.7 x one")):
        rates = f"{texts_n / cost.wall_s:,.0f} | {texts_n / cost.cpu_s:,.0f}"
        yield f"| {name} | {rates} | {cost.peak_mb:.0f} | {limit} |"
    yield f"\nTwo threads against one: {one.wall_s / two.wall_s:.2f} (limit 1.7).\n"


def judge_parquet(path: str, threads_n: int) -> Cost:
    """Read and judge a file, batch by batch; at most two batches a thread are held."""
    scorer = get_scorer("pulse")
    scorer.score(pa.array(["ready"]))
    with measured() as cost, ThreadPoolExecutor(threads_n) as pool:
        waiting = []
        for batch in pq.ParquetFile(path).iter_batches(_BATCH_ROWS, use_threads=False):
            waiting.append(pool.submit(scorer.score, batch.column(0)))
            if len(waiting) >= 2 * threads_n:
                waiting.pop(0).result()
        for judgement in waiting:
            judgement.result()
    return cost()


def _write_mixed(data: Path, file: Path) -> int:
    """Titles, self texts and comments in a fixed shuffled order; returns how many."""
    texts = [text for source in (_top_posts, _comments, _politics) for text in source(data)]
    order = np.random.default_rng(7).permutation(len(texts))
    pq.write_table(pa.table({"text": [texts[place] for place in order]}), file, compression="zstd")
    return len(texts)


def _top_posts(data: Path) -> Iterator[str]:
    for file in sorted((data / "reddit_top_posts").glob("*.csv.zst")):
        for row in csv.DictReader(io.StringIO(_unpacked(file))):
            yield row["title"]
            if row["selftext"]:
                yield row["selftext"]


def _comments(data: Path) -> list[str]:
    file = data / "sentiment_goemotions" / "original" / "train.tsv.zst"
    return read_goemotions(file)[0] if file.exists() else []


def _politics(data: Path) -> Iterator[str]:
    file = data / "reddit_politics_comments" / "reddit_comments_filtered.csv.zst"
    if file.exists():
        for row in csv.DictReader(io.StringIO(_unpacked(file))):
            yield row["comment"]


def first_score() -> Iterator[str]:
    """Seconds from the first import to the first judgement, each in a fresh process."""
    found = [
        float(subprocess.run([sys.executable, "-c", _FIRST_SCORE], capture_output=True, text=True, check=True).stdout)
        for _ in range(_ROUNDS_N)
    ]
    yield f"First score of a fresh process: {median(found):.2f} s, at most {max(found):.2f} s (limit 2)."


# ---- gold data -------------------------------------------------------------


def _unpacked(file: Path) -> str:
    with file.open("rb") as packed:
        return zstandard.ZstdDecompressor().stream_reader(packed).read().decode("utf-8", errors="replace")


def _goemotions(data: Path) -> tuple[list[str], Sequence[float]]:
    return read_goemotions(data / "sentiment_goemotions" / "original" / "dev.tsv")


def _tweeteval(data: Path) -> tuple[list[str], Sequence[float]]:
    folder = data / "sentiment_tweeteval"
    classes = [int(line) for line in (folder / "val_labels.txt").read_text().split()]
    return (folder / "val_text.txt").read_text(encoding="utf-8").split("\n")[: len(classes)], classes


def _airline(data: Path) -> tuple[list[str], Sequence[float]]:
    with (data / "sentiment_airline_tweets" / "Tweets.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["tweet_id"]: row for row in csv.DictReader(file)}
    return [row["text"] for row in rows.values()], [LABELS.index(row["airline_sentiment"]) for row in rows.values()]


def _stackoverflow(data: Path) -> tuple[list[str], Sequence[float]]:
    content = (data / "sentiment_stackoverflow" / "train3098itemPOLARITY.csv").read_text(
        encoding="utf-8", errors="replace"
    )
    rows = [line.split(";", 2) for line in content.splitlines()]
    rows = [row for row in rows if len(row) == 3 and row[1] in LABELS]
    return [text for *_, text in rows], [LABELS.index(label) for _, label, _ in rows]


def _vader_file(name: str) -> Callable[[Path], tuple[list[str], Sequence[float]]]:
    def read(data: Path) -> tuple[list[str], Sequence[float]]:
        content = (data / "sentiment_vader" / name).read_text(encoding="utf-8", errors="replace")
        rows = [line.split("\t", 2) for line in content.splitlines() if line.strip()]
        return [text for *_, text in rows], [float(grade) for _, grade, _ in rows]

    return read


_Readers = dict[str, Callable[[Path], tuple[list[str], Sequence[float]]]]
LABELLED: _Readers = {
    "GoEmotions dev": _goemotions,
    "TweetEval val": _tweeteval,
    "airline tweets": _airline,
    "Stack Overflow": _stackoverflow,
}
GRADED: _Readers = {
    "VADER's tweets": _vader_file("tweets_GroundTruth.txt"),
    "VADER's Amazon snippets": _vader_file("amazonReviewSnippets_GroundTruth.txt"),
}


def _present(data: Path, readers: _Readers) -> Iterator[Gold]:
    for name, read in readers.items():
        try:
            texts, truth = read(data)
        except FileNotFoundError as error:
            print(f"Skipped: {name}: {error.filename} is not there.", file=sys.stderr)
            continue
        yield Gold(name, texts, np.array(truth))


def main() -> None:
    """Print the report in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.texts", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public data sets; docs/texts.md")
    options = parser.parse_args()
    # Self texts of posts may be longer than the reader of CSV expects.
    csv.field_size_limit(100_000_000)
    for line in run(options.data):
        print(line, flush=True)


if __name__ == "__main__":
    main()
