"""Archive to sealed Parquet, against plain Zstandard decompression of the same file."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measure import Cost, in_own_process, measured
from benchmarks.pushshift_lines import write_archive

LIMIT_WALL_RATIO = 2.5
AIM_EXTRA_WALL_RATIO = 8.0
LIMIT_PEAK_MB = 3_000
SIZES = {"250 MB": 250_000_000, "2.5 GB": 2_500_000_000}


def run(folder: Path, sizes: dict[str, int]) -> list[str]:
    """Measure each size; returns lines to show."""
    lines = ["## Archive to sealed Parquet, 2 cores (peer: plain Zstandard decompression)", ""]
    lines += [
        "| raw lines | step | wall s | CPU s | peak MB | wall / peer | limit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, raw_bytes in sizes.items():
        archive = folder / f"lines-{raw_bytes}.zst"
        if not archive.exists():
            write_archive(archive, raw_bytes=raw_bytes)
        repeat = 3 if raw_bytes < 1_000_000_000 else 1
        peer = in_own_process("benchmarks.archive:decompress", str(archive), repeat=repeat)
        lines.append(_row(name, f"decompress ({_peer_name()})", peer, peer, ""))
        plain = in_own_process("benchmarks.archive:stage", str(archive), False, repeat=repeat)
        limit = f"{LIMIT_WALL_RATIO:g} x, {LIMIT_PEAK_MB} MB"
        lines.append(_row(name, "stage, contract columns", plain, peer, limit))
        extra = in_own_process("benchmarks.archive:stage", str(archive), True, repeat=1)
        lines.append(_row(name, "stage, `extra` kept", extra, peer, f"aim {AIM_EXTRA_WALL_RATIO:g} x"))
    return lines


def _row(name: str, step: str, cost: Cost, peer: Cost, limit: str) -> str:
    ratio = f"{cost.wall_s / peer.wall_s:.2f}"
    return f"| {name} | {step} | {cost.wall_s:.2f} | {cost.cpu_s:.2f} | {cost.peak_mb:.0f} | {ratio} | {limit} |"


def _peer_name() -> str:
    return "zstd -d" if shutil.which("zstd") else "python zstandard"


def decompress(path: str) -> Cost:
    """Decompress to nowhere: with the zstd program where there is one, else with the library that the source uses."""
    if shutil.which("zstd"):
        with measured() as cost:
            subprocess.run(["zstd", "-d", "-q", "--long=31", "-c", path], stdout=subprocess.DEVNULL, check=True)
        return cost()
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=2**31)
    with measured() as cost, Path(path).open("rb") as file, decompressor.stream_reader(file) as reader:
        while reader.read(4 * 1024 * 1024):
            pass
    return cost()


def stage(path: str, with_extra: bool) -> Cost:
    """Parse the archive into sealed chunks, as the source does before any load is cut from them."""
    from pulse.config.context import source_context
    from pulse.config.settings import Settings
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.sources.lines import staging as archive_staging
    from pulse.sources.reddit.entry import RedditArchiveEntry

    entry = RedditArchiveEntry(
        platform="reddit", name="*", source="reddit_archive", path=(Path(path),), extra_fields=with_extra
    )
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        home = Home(Path(folder)).create()
        context = source_context(home, Settings(communities=(entry,)), utc_now, b"key-for-benchmarks")
        with measured() as cost:
            archive_staging.stage(Path(path), [entry], context)
    return cost()
