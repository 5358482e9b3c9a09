"""Pictures of fronts, plans and predictions.

Every function draws on the axes given, or on those of a new figure, and returns them; `ax.figure.savefig("front.png")`
writes the figure. No function changes pyplot or its settings.
"""

from optllm_pymoo.plotting.front import plot_front, plot_third
from optllm_pymoo.plotting.mix import plot_mix
from optllm_pymoo.plotting.realised import plot_calibration, plot_realised, realised_accuracy

__all__ = [
    "plot_calibration",
    "plot_front",
    "plot_mix",
    "plot_realised",
    "plot_third",
    "realised_accuracy",
]
