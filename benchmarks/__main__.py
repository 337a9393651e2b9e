"""`python -m benchmarks` runs them all, one after another."""

from benchmarks import calibration, finishing, memory, pipeline, scoring, ssim

for benchmark in (ssim, finishing, scoring, pipeline, memory, calibration):
    print(f"\n== {benchmark.__name__}")
    benchmark.main()
