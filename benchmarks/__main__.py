"""`python -m benchmarks` runs them all, one after another."""

from benchmarks import calibration, canaries, finishing, memory, pipeline, scoring, services, ssim

for benchmark in (ssim, finishing, scoring, pipeline, memory, services, calibration, canaries):
    print(f"\n== {benchmark.__name__}")
    benchmark.main()
