"""What a task description says, found by rules: metric and target."""

from __future__ import annotations

import re
from collections.abc import Sequence

PHRASES: tuple[tuple[str, str], ...] = (
    (r"(?:binary|multi|multi ?class|m)? ?log ?loss(?:es)?|logarithmic loss", "log_loss"),
    (r"(?:binary |categorical )?cross ?entropy", "log_loss"),
    (r"brier(?: score)?(?: loss)?", "brier"),
    (r"mean column ?wise (?:roc ?)?auc(?: roc)?", "mean_columnwise_roc_auc"),
    (r"mean column ?wise area under the (?:roc|receiver operating)", "mean_columnwise_roc_auc"),
    (r"(?:roc ?)?auc(?: roc| score)?|auroc|roc auc score", "roc_auc"),
    (
        r"area under the (?:receiver operating characteristics?|roc)(?: \(?roc\)?)?(?: curve)?",
        "roc_auc",
    ),
    (r"area under the (?:precision recall|pr)(?: curve)?|auprc|pr auc|auc pr", "average_precision"),
    (r"average precision(?: score)?", "average_precision"),
    (
        r"quadratic(?:ally)? (?:weighted )?(?:cohen'?s )?kappa|qwk",
        "quadratic_weighted_kappa",
    ),
    (r"cohen'?s kappa with quadratic weights?", "quadratic_weighted_kappa"),
    (r"matthews?'?s? correlation(?: coefficient)?|mcc", "mcc"),
    (r"balanced accuracy(?: score)?", "balanced_accuracy"),
    (r"(?:classification |categori[sz]ation )?accuracy(?: score)?", "accuracy"),
    (r"(?:percentage|fraction|proportion|share) of (?:\w+ ){0,3}(?:correctly|correct)", "accuracy"),
    (r"macro(?: averaged?)? f1(?: score)?|f1 macro|f1(?: score)? \(?macro\)?", "f1_macro"),
    (r"micro(?: averaged?)? f1(?: score)?|f1 micro|f1(?: score)? \(?micro\)?", "f1_micro"),
    (
        r"weighted(?: averaged?)? f1(?: score)?|f1 weighted|f1(?: score)? \(?weighted\)?",
        "f1_weighted",
    ),
    (r"f1(?: score)?|f score|f measure", "f1"),
    (
        r"mean column ?wise (?:root mean squared? log(?:arithmic)? error|rmsle)|mcrmsle",
        "mean_columnwise_rmsle",
    ),
    (r"root mean squared? log(?:arithmic)? error|rmsle", "rmsle"),
    (
        r"(?:root mean squared? error|rmse)[^.]{0,60}? (?:between|of|on) (?:the )?(?:natural )?"
        r"log(?:arithm|s)?",
        "rmsle",
    ),
    (
        r"(?:mean column ?wise )?root mean squared? (?:error|deviation)|(?:mc)?rmse|rmsd",
        "rmse",
    ),
    (r"mean squared? error|mse", "mse"),
    (r"symmetric mean absolute percent(?:age)? error|smape", "smape"),
    (r"mean absolute percent(?:age)? error|mape", "mape"),
    (r"median absolute error|medae", "median_ae"),
    (r"mean absolute error|mae|mean absolute deviation", "mae"),
    (r"coefficient of determination|r2(?: score)?|r squared|r\^2|r²", "r2"),
    (r"spearman'?s?(?: rank)?(?: correlation)?(?: coefficient)?", "spearman"),
    (r"pearson'?s?(?: correlation)?(?: coefficient)?", "pearson"),
    (r"pinball(?: loss)?|quantile loss", "pinball"),
    (
        r"(?:weighted|normali[sz]ed|scaled|relative) (?:\w+ ){0,3}?"
        r"(?:error|rmse|rmsle|mae|auc|log ?loss|logarithmic loss|accuracy|gini)",
        "",
    ),
    (r"mean average precision|(?:map|ndcg|mrr|precision|recall|accuracy) ?@ ?\w+", ""),
    (r"top \d+ accuracy|gini(?: coefficient)?|c index|concordance index", ""),
    (r"dice(?: coefficient)?|intersection over union|iou|levenshtein(?: distance)?", ""),
    (r"(?:linear(?:ly)? )?(?:weighted )?(?:cohen'?s )?kappa", ""),
)
"""How descriptions call the registry's metrics; matched on lower case with hyphens and underscores
turned into spaces. Of matches that overlap, the longest counts. An empty name stands for metrics
that the registry does not have and that must not be taken for a similar one."""

_JUDGED = re.compile(
    r"metric|evaluat|judged|scored|scoring|leaderboard|graded|measured by|performance is", re.I
)


def metrics_named(text: str) -> list[str]:
    """Registry names of the metrics a text speaks of, in order, each once; others as written there.

    What stands under a heading or in a sentence about evaluation counts first; the rest of the text
    is read only when nothing is found there.
    """
    return _metrics_in(_passages(text)) or _metrics_in(text)


def _metrics_in(text: str) -> list[str]:
    plain = re.sub(r"[-_–*`\s]+", " ", text.lower())
    spans: list[tuple[int, int, str]] = []
    for phrase, name in PHRASES:
        spans += [
            (m.start(), m.end(), name or m[0].strip())
            for m in re.finditer(rf"(?<!\w)(?:{phrase})(?!\w)", plain)
        ]
    spans.sort(key=lambda span: (span[0] - span[1], span[0]))
    kept: list[tuple[int, int, str]] = []
    for start, end, name in spans:
        if all(end <= other[0] or start >= other[1] for other in kept):
            kept.append((start, end, name))
    return list(dict.fromkeys(name for _, _, name in sorted(kept)))


def _passages(text: str) -> str:
    """The parts of a text that are about evaluation: sections by their heading, else sentences."""
    sections = re.split(r"(?m)^(?=#+\s)", text)
    judged = [s for s in sections if s.startswith("#") and _JUDGED.search(s.split("\n", 1)[0])]
    if judged:
        return "\n".join(judged)
    sentences = re.split(r"(?<=[.!?])\s+|\n{2,}|\n(?=[-*#])", text)
    return "\n".join(s for s in sentences if _JUDGED.search(s))


def targets_named(text: str, columns: Sequence[str]) -> list[str]:
    """Columns of which a text says that they are the target, or that they are to be predicted."""
    lead = r"(?:target|label|outcome)(?:\s+(?:column|variable|is|named|called|:))*"
    verb = r"(?:predict|forecast|estimate|classify)(?:ing|s)?(?:\s+[\w']+){0,6}?"
    for start in (lead, verb):
        found = []
        for column in columns:
            name = r"[\s_]+".join(re.escape(part) for part in re.split(r"[\s_]+", column) if part)
            pattern = rf"(?<!\w){start}[\s:=]*[`'\"*_]*{name}[`'\"*_]*(?!\w)"
            if re.search(pattern, text, re.I):
                found.append(column)
        if found:
            return found
    return []
