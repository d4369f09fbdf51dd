"""Write classic_graphs.json: causal graphs of the literature with the answers that their papers prove or state.

The graphs are facts of the cited papers; the sets are worked out from the adjustment criterion, path by path.
"""

import json
from pathlib import Path

GRAPHS = [
    {
        "name": "fork",
        "source": "Pearl (2009), Causality, section 1.2.3",
        "edges": [["z", "x"], ["z", "y"], ["x", "y"]],
        "answers": {"total": [["z"]], "direct": [["z"]]},
    },
    {
        "name": "chain with a direct arrow",
        "source": "Baron & Kenny (1986), Journal of Personality and Social Psychology 51",
        "edges": [["x", "m"], ["m", "y"], ["x", "y"]],
        "answers": {"total": [[]], "direct": [["m"]]},
    },
    {
        "name": "collider",
        "source": "Pearl (2009), Causality, section 1.2.3",
        "edges": [["x", "s"], ["y", "s"], ["x", "y"]],
        "answers": {"total": [[]], "direct": [[]]},
    },
    {
        "name": "mediator confounded with the effect",
        "source": "Robins & Greenland (1992), Epidemiology 3; Cole & Hernán (2002), Int. J. Epidemiology 31",
        "edges": [["x", "m"], ["m", "y"], ["x", "y"], ["u", "m"], ["u", "y"]],
        "answers": {"total": [[]], "direct": [["m", "u"]]},
    },
    {
        "name": "mediator confounded by an unmeasured cause",
        "source": "Robins & Greenland (1992), Epidemiology 3; Cole & Hernán (2002), Int. J. Epidemiology 31",
        "edges": [["x", "m"], ["m", "y"], ["x", "y"], ["u", "m"], ["u", "y"]],
        "latents": ["u"],
        "answers": {"total": [[]], "direct": []},
    },
    {
        "name": "M-bias",
        "source": "Greenland, Pearl & Robins (1999), Epidemiology 10",
        "edges": [["a", "x"], ["a", "m"], ["b", "m"], ["b", "y"], ["x", "y"]],
        "answers": {"total": [[]], "direct": [[]]},
    },
    {
        "name": "butterfly",
        "source": "Greenland, Pearl & Robins (1999), Epidemiology 10; Ding & Miratrix (2015), J. Causal Inference 3",
        "edges": [["a", "x"], ["a", "m"], ["b", "m"], ["b", "y"], ["m", "x"], ["m", "y"], ["x", "y"]],
        "answers": {"total": [["a", "m"], ["b", "m"]], "direct": [["a", "m"], ["b", "m"]]},
    },
    {
        "name": "butterfly with unmeasured wings",
        "source": "Greenland, Pearl & Robins (1999), Epidemiology 10; Ding & Miratrix (2015), J. Causal Inference 3",
        "edges": [["a", "x"], ["a", "m"], ["b", "m"], ["b", "y"], ["m", "x"], ["m", "y"], ["x", "y"]],
        "latents": ["a", "b"],
        "answers": {"total": [], "direct": []},
    },
    {
        "name": "front door",
        "source": "Pearl (1995), Biometrika 82",
        "edges": [["u", "x"], ["u", "y"], ["x", "m"], ["m", "y"]],
        "latents": ["u"],
        "answers": {"total": [], "direct": []},
    },
    {
        "name": "instrument",
        "source": "Angrist, Imbens & Rubin (1996), JASA 91",
        "edges": [["z", "x"], ["x", "y"], ["u", "x"], ["u", "y"]],
        "latents": ["u"],
        "answers": {"total": [], "direct": []},
    },
    {
        "name": "six-variable back-door graph",
        "source": "Pearl (1995), Biometrika 82, figure 3 (X1..X6, X → X6 → Y)",
        "edges": [
            ["x1", "x3"],
            ["x1", "x4"],
            ["x2", "x4"],
            ["x2", "x5"],
            ["x3", "x"],
            ["x4", "x"],
            ["x4", "y"],
            ["x5", "y"],
            ["x", "x6"],
            ["x6", "y"],
        ],
        "answers": {
            "total": [["x3", "x4"], ["x4", "x5"], ["x1", "x4"], ["x2", "x4"]],
            "direct": [["x3", "x4", "x6"], ["x4", "x5", "x6"], ["x1", "x4", "x6"], ["x2", "x4", "x6"]],
        },
    },
    {
        "name": "warming up and injury",
        "source": "after Shrier & Platt (2008), BMC Medical Research Methodology 8:70, figure 2a (its text: fatigue "
        "and tissue weakness suffice); seven sets whether or not fatigue also moves injury directly",
        "cause": "WarmUp",
        "effect": "Injury",
        "edges": [
            ["Coach", "TeamMotivation"],
            ["Coach", "Fitness"],
            ["Genetics", "Fitness"],
            ["Genetics", "Fatigue"],
            ["Genetics", "TissueDisorder"],
            ["TissueDisorder", "Fatigue"],
            ["TissueDisorder", "TissueWeakness"],
            ["TeamMotivation", "WarmUp"],
            ["TeamMotivation", "PreviousInjury"],
            ["ContactSport", "PreviousInjury"],
            ["ContactSport", "Injury"],
            ["Fitness", "PreGameProprioception"],
            ["Fitness", "Fatigue"],
            ["PreGameProprioception", "WarmUp"],
            ["WarmUp", "IntraGameProprioception"],
            ["Fatigue", "IntraGameProprioception"],
            ["Fatigue", "Injury"],
            ["IntraGameProprioception", "Injury"],
            ["TissueWeakness", "Injury"],
        ],
        "answers": {
            "total": [
                ["Coach", "Fitness"],
                ["Coach", "PreGameProprioception"],
                ["Fatigue", "TissueDisorder"],
                ["Fatigue", "TissueWeakness"],
                ["Fitness", "Genetics"],
                ["Fitness", "TeamMotivation"],
                ["PreGameProprioception", "TeamMotivation"],
            ]
        },
    },
]


def main() -> None:
    """Write the graphs beside this file."""
    target = Path(__file__).with_suffix(".json")
    graphs = [{"cause": "x", "effect": "y", "latents": [], **graph} for graph in GRAPHS]
    target.write_text(json.dumps({"graphs": graphs}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
