"""`python -m benchmarks` runs them all, one after another."""

from benchmarks import (
    apart,
    calibration,
    canaries,
    exporting,
    finishing,
    fleet,
    fuzz,
    memory,
    pipeline,
    scale,
    scoring,
    services,
    speed,
    ssim,
)

for benchmark in (
    ssim, finishing, scoring, pipeline, speed, memory, scale, exporting, services, calibration, canaries,
    fleet, fuzz, apart,
):  # fmt: skip
    print(f"\n== {benchmark.__name__}")
    benchmark.main()
