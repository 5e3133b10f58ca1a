"""Whether the judge is right: how often `better` promotes, over simulated pairs of models.

    uv run python benchmarks/judge.py [--out FILE]

Two models disagree on 10 % of all rows, and each pair is a hold-out of their answers: what promotes
is that the lower end of the comparison's interval is above 0. Equal models should hardly ever be
promoted (nominally in 2.5 % of the cases), a clearly better one nearly always, and one that is
better by the smallest detectable difference in 80 %; with few rows that formula errs on the safe
side. "covered" is how often the interval holds the true difference: models may happen to agree on
all of a few rows, and then its upper end comes out too low. The seed is fixed.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from dropforge_jobs.comparison import Comparison, compare_classes

ROOT = Path(__file__).parents[1]
SEED = 20261121
PAIRS = 2000
ROWS = (30, 100, 300, 1000)
DISCORDANCE = 0.10
EQUAL, BETTER = 0.0, 0.04
MOST_EQUAL = 0.05  # share of equal models that may be promoted, at every number of rows
LEAST_BETTER = 0.95  # share of models better by 4 points that must be promoted, at 1,000 rows


@dataclass(frozen=True)
class Case:
    """How often `better` promoted among simulated pairs of one kind.

    Attributes:
        rows: rows of the hold-out.
        discordance: share of rows on which exactly one model is right.
        difference: by how much the challenger's true accuracy is higher.
        promoted: share of the pairs whose challenger was promoted.
        covered: share of the pairs whose interval holds the true difference.
        detectable: the middle one of the smallest detectable differences reported.
    """

    rows: int
    discordance: float
    difference: float
    promoted: float
    covered: float
    detectable: float


def main() -> int:
    """Simulate, print the table, write the JSON; 1 when the judge is not as good as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / ".dropforge/benchmarks/judge.json")
    out = parser.parse_args().out
    equal = [simulate(rows, EQUAL) for rows in ROWS]
    better = [simulate(rows, BETTER) for rows in ROWS]
    # As good as a hold-out of this size is said to show; small ones need more disagreement for it.
    detectable = [simulate(case.rows, case.detectable) for case in equal]
    is_right = (
        all(case.promoted <= MOST_EQUAL for case in equal) and better[-1].promoted >= LEAST_BETTER
    )
    cases = {"equal": equal, "better": better, "detectable": detectable}
    console = Console()
    console.print(table(cases))
    console.print("The judge is right." if is_right else "[red]The judge is NOT right.")
    document = {name: [asdict(case) for case in each] for name, each in cases.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    settings = {"seed": SEED, "pairs": PAIRS, "is_right": is_right}
    out.write_text(json.dumps({**settings, **document}, indent=2) + "\n", "utf-8")
    console.print(f"written to {out}")
    return 0 if is_right else 1


def simulate(rows: int, difference: float, pairs: int = PAIRS) -> Case:
    """Draw hold-outs of two models whose true accuracies differ, and judge each.

    The models disagree on 10 % of all rows, or on as many as it takes to differ that much.
    """
    discordance = max(DISCORDANCE, difference)
    shares = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
    generator = np.random.default_rng([SEED, rows, round(difference * 1e6)])
    found = [
        judge(rows, int(wins), int(losses))
        for wins, losses, _ in generator.multinomial(rows, shares, size=pairs)
    ]
    return Case(
        rows,
        discordance,
        difference,
        promoted=sum(each.low > 0 for each in found) / pairs,
        covered=sum(each.low <= difference + 1e-9 and difference <= each.high for each in found)
        / pairs,
        detectable=float(np.median([each.minimum_detectable or np.nan for each in found])),
    )


@cache
def judge(rows: int, wins: int, losses: int) -> Comparison:
    """Compare two models, of which the challenger alone is right on `wins` rows.

    The order of rows does not matter, so hold-outs with the same counts are judged once.
    """
    actual = ["a"] * rows
    challenger = ["a"] * wins + ["b"] * losses + actual[wins + losses :]
    champion = ["b"] * wins + ["a"] * losses + actual[wins + losses :]
    found = compare_classes(actual, challenger, champion, metric="accuracy")
    if found is None:
        raise ValueError(f"{rows} rows cannot be compared")
    return found


def table(cases: dict[str, list[Case]]) -> Table:
    """Lay the cases out."""
    found = Table(title=f"Policy better, {PAIRS:,} pairs each")
    for name in ("models", "rows", "disagree", "truly better by", "promoted", "must be", "covered"):
        found.add_column(name, justify="left" if name == "models" else "right")
    for name, each in cases.items():
        for case in each:
            wanted = {
                "equal": f"<= {MOST_EQUAL:.0%}",
                "better": f">= {LEAST_BETTER:.0%}" if case.rows == ROWS[-1] else "",
                "detectable": "~ 80%",
            }[name]
            found.add_row(
                name,
                f"{case.rows:,}",
                f"{case.discordance:.1%}",
                f"{case.difference:.2%}",
                f"{case.promoted:.2%}",
                wanted,
                f"{case.covered:.1%}",
            )
        found.add_section()
    return found


if __name__ == "__main__":
    raise SystemExit(main())
