"""What the OptLLM paper prints (arXiv 2405.15130), for the tables that stand beside ours.

Data sets are named as there. Of these only LogPai is a data set that can be had with its outcomes; the paper's own
bills and splits differ from those of any copy, so its numbers are a landmark, not a target.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SAME_DATA: Final = {"logpai": "LogPai"}
"""Our name of a data set -> the paper's."""

NAMES: Final = {
    "optllm:walks": "OptLLM",
    "nsga2:published": "NSGA-II",
    "mopso": "MOPSO",
    "moead:published": "MOEA/D",
    "rnsga2:published": "R-NSGA-II",
    "sms-emoa:published": "SMS-EMOA",
    "moead-gen:published": "MOEA/D-GEN",
    "pygmo-nspso": "MOPSO",
    "pygmo-moead": "MOEA/D",
    "pygmo-moead-gen": "MOEA/D-GEN",
}
"""Our name of an algorithm -> the paper's."""


class Saving(NamedTuple):
    """A row of the table of savings at the best single LLM's accuracy; costs in US$."""

    best_llm: str
    accuracy: float
    best_cost_usd: float
    optllm_cost_usd: float
    saving: float


SAVINGS: Final = {
    "AGNEWS": Saving("GPT-4", 0.90, 126.58, 75.77, 0.4014),
    "COQA": Saving("GPT-4", 0.27, 216.01, 152.63, 0.2934),
    "HEADLINES": Saving("GPT-4", 0.86, 65.28, 40.91, 0.3733),
    "SCIQ": Saving("xlarge", 0.71, 144.86, 141.39, 0.0240),
    "LogPai": Saving("Mixtral-8x7B", 0.59, 3.68, 1.87, 0.4918),
}

HIGHEST_ACCURACY: Final = {
    "AGNEWS": {
        **{"OptLLM": 0.90, "NSGA-II": 0.74, "MOPSO": 0.82, "MOEA/D": 0.70},
        **{"R-NSGA-II": 0.77, "SMS-EMOA": 0.76, "MOEA/D-GEN": 0.82},
    },
    "COQA": {
        **{"OptLLM": 0.27, "NSGA-II": 0.21, "MOPSO": 0.23, "MOEA/D": 0.22},
        **{"R-NSGA-II": 0.22, "SMS-EMOA": 0.22, "MOEA/D-GEN": 0.22},
    },
    "HEADLINES": {
        **{"OptLLM": 0.86, "NSGA-II": 0.82, "MOPSO": 0.80, "MOEA/D": 0.78},
        **{"R-NSGA-II": 0.79, "SMS-EMOA": 0.79, "MOEA/D-GEN": 0.80},
    },
    "SCIQ": {
        **{"OptLLM": 0.70, "NSGA-II": 0.68, "MOPSO": 0.68, "MOEA/D": 0.67},
        **{"R-NSGA-II": 0.67, "SMS-EMOA": 0.67, "MOEA/D-GEN": 0.68},
    },
    "LogPai": {
        **{"OptLLM": 0.71, "NSGA-II": 0.42, "MOPSO": 0.48, "MOEA/D": 0.46},
        **{"R-NSGA-II": 0.46, "SMS-EMOA": 0.45, "MOEA/D-GEN": 0.47},
    },
}
"""Highest accuracy found, by data set and algorithm."""

COST_SAVING: Final = {
    "AGNEWS": {
        **{"NSGA-II": 0.9238, "MOPSO": 0.9003, "MOEA/D": 0.9050},
        **{"R-NSGA-II": 0.8839, "SMS-EMOA": 0.9011, "MOEA/D-GEN": 0.8643},
    },
    "COQA": {
        **{"NSGA-II": 0.3650, "MOPSO": 0.0879, "MOEA/D": 0.3240},
        **{"R-NSGA-II": 0.5379, "SMS-EMOA": 0.6191, "MOEA/D-GEN": 0.3183},
    },
    "HEADLINES": {
        **{"NSGA-II": 0.2887, "MOPSO": 0.8660, "MOEA/D": 0.9070},
        **{"R-NSGA-II": 0.9560, "SMS-EMOA": 0.9587, "MOEA/D-GEN": 0.8440},
    },
    "SCIQ": {
        **{"NSGA-II": 0.2983, "MOPSO": 0.4880, "MOEA/D": 0.7673},
        **{"R-NSGA-II": 0.8531, "SMS-EMOA": 0.8777, "MOEA/D-GEN": 0.5209},
    },
    "LogPai": {
        **{"NSGA-II": 0.8466, "MOPSO": 0.3323, "MOEA/D": 0.0896},
        **{"R-NSGA-II": 0.8362, "SMS-EMOA": 0.8127, "MOEA/D-GEN": 0.5172},
    },
}
"""How much less OptLLM costs at each baseline's best accuracy."""


class Quality(NamedTuple):
    """IGD in raw dollars and accuracy, Δ, and minutes."""

    igd: float
    delta: float
    minutes: float


QUALITY: Final = {
    "LogPai": {
        "OptLLM": Quality(0.19, 0.95, 18.14),
        "NSGA-II": Quality(10.90, 1.00, 129.2),
        "MOPSO": Quality(0.38, 1.00, 126.0),
        "MOEA/D": Quality(1.05, 0.98, 127.2),
        "R-NSGA-II": Quality(10.17, 1.00, 128.1),
        "SMS-EMOA": Quality(8.78, 1.00, 130.2),
        "MOEA/D-GEN": Quality(0.75, 1.07, 124.0),
    },
}
"""The data set that is the same."""


class GridRow(NamedTuple):
    """A row of the table on ``n_grid``, on AGNEWS."""

    igd: float
    delta: float
    minutes: float
    solutions: int


N_GRID: Final = {
    10: GridRow(0.17, 0.82, 2.29, 14),
    50: GridRow(0.13, 0.80, 6.35, 71),
    100: GridRow(0.13, 0.80, 11.82, 144),
    200: GridRow(0.13, 0.79, 18.25, 291),
}

ALPHA: Final = {
    "AGNEWS": {-1: 0.14, 0: 0.24, 1: 0.27},
    "COQA": {-1: 0.50, 0: 0.47, 1: 0.40},
    "HEADLINES": {-1: 0.41, 0: 0.46, 1: 0.48},
    "SCIQ": {-1: 0.17, 0: 0.31, 1: 0.37},
    "LogPai": {-1: 0.39, 0: 0.45, 1: 0.38},
}
"""Share of queries whose whole label vector is predicted right."""

TRAINING_SHARE_IGD: Final = {
    "AGNEWS": {0.01: 0.13, 0.05: 0.11, 0.10: 0.10, 0.20: 0.09},
    "COQA": {0.01: 0.23, 0.05: 0.19, 0.10: 0.17, 0.20: 0.15},
}

ABLATION_IGD: Final = {
    "whole": {"AGNEWS": 0.13, "COQA": 0.27, "HEADLINES": 0.08, "SCIQ": 0.14, "LogPai": 0.19},
    "without robust prediction": {"AGNEWS": 0.13, "COQA": 0.24, "HEADLINES": 0.08, "SCIQ": 0.28, "LogPai": 0.20},
    "without the allocation search": {"AGNEWS": 0.23, "COQA": 0.12, "HEADLINES": 0.10, "SCIQ": 0.40, "LogPai": 0.19},
}
