"""Reading predictions, checking them, scoring them, ordering trials, and numeric ensembles."""

from mle_star.scoring.blend import (
    Blend,
    average_blend,
    blend_predictions,
    correlation,
    greedy_blend,
)
from mle_star.scoring.blend_script import blend_script
from mle_star.scoring.encoding import Mode, modes
from mle_star.scoring.order import best_of, better, gain, height, rank
from mle_star.scoring.predictions import Predictions, read_predictions
from mle_star.scoring.problem import Problem
from mle_star.scoring.score import score_predictions
from mle_star.scoring.sharpening import Sharpening, find_sharpening, sharpen
from mle_star.scoring.soft import SOFT_FILES, Soft
from mle_star.scoring.submission import check_submission, write_submission
from mle_star.state import Score

__all__ = [
    "SOFT_FILES",
    "Blend",
    "Mode",
    "Predictions",
    "Problem",
    "Score",
    "Sharpening",
    "Soft",
    "average_blend",
    "best_of",
    "better",
    "blend_predictions",
    "blend_script",
    "check_submission",
    "correlation",
    "find_sharpening",
    "gain",
    "greedy_blend",
    "height",
    "modes",
    "rank",
    "read_predictions",
    "score_predictions",
    "sharpen",
    "write_submission",
]
