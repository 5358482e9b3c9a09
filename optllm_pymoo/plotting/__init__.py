"""Pictures of fronts, plans and predictions; every function takes axes, or makes them, and returns them."""

from optllm_pymoo.plotting.calibration import Calibration, calibration, plot_calibration
from optllm_pymoo.plotting.front import plot_front
from optllm_pymoo.plotting.latency import plot_latency
from optllm_pymoo.plotting.mix import mix_along_front, plot_mix
from optllm_pymoo.plotting.realised import plot_realised, realised_accuracy

__all__ = [
    "Calibration",
    "calibration",
    "mix_along_front",
    "plot_calibration",
    "plot_front",
    "plot_latency",
    "plot_mix",
    "plot_realised",
    "realised_accuracy",
]
