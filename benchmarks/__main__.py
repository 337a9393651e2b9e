"""`python -m benchmarks` runs them all, one after another."""

from benchmarks import finishing, memory, pipeline, ssim

for benchmark in (ssim, finishing, pipeline, memory):
    print(f"\n== {benchmark.__name__}")
    benchmark.main()
