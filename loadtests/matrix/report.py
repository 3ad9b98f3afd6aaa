"""The tables of clients.md and of the README, made of runs that are kept."""

from collections.abc import Sequence
from pathlib import Path

from loadtests.machine import VERSION_COMMANDS
from loadtests.matrix.actions import DYING, NAMES, ODD_KEYS
from loadtests.matrix.compare import Compared, Comparison, compare, judge
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.record import Run
from loadtests.matrix.ways import DIRECT, SCHEMES, way_name
from loadtests.question import FINDING_COLUMNS
from loadtests.report import markdown_table

BEGIN, END = "<!-- the matrix: python -m loadtests.matrix -->", "<!-- end of the matrix -->"
"""Between these lines the README has what the command wrote."""

OK, OK_AS_DIRECT, SOME, AS_DIRECT, NO, NOT_OFFERED = "ok", "ok*", "some*", "no*", "**no**", "-"
MEANING = (
    f"`{OK}`: by HTTP and by HTTPS; `{NOT_OFFERED}`: not offered by the client; `*`: what fails there fails direct, too"
)

_CELLS = {
    Comparison.SAME: OK,
    Comparison.BETTER: OK,
    Comparison.NEITHER: AS_DIRECT,
    Comparison.WORSE: NO,
    Comparison.UNTRIED: "untried",
}
_DEATHS = {Outcome.OK: "tries again", Outcome.FAILED: "error", Outcome.WRONG: "wrong bytes"}


def cell(compared: Sequence[Compared]) -> str:
    """One word for an action by several schemes and on several storages."""
    words = {_word(one) for one in compared if one.comparison is not Comparison.ABSENT}
    if not words:
        return NOT_OFFERED
    if OK in words and words <= {OK, SOME, AS_DIRECT} and len(words) > 1:
        return OK_AS_DIRECT
    return next(word for word in (NO, "untried", SOME, AS_DIRECT, OK) if word in words)


def _word(one: Compared) -> str:
    if one.comparison is Comparison.NEITHER and 0 < len(one.edge.parts) < len(ODD_KEYS):
        return SOME
    return _CELLS[one.comparison]


def death(compared: Sequence[Compared]) -> str:
    """What a client has of a node's death without s3edge: an error, or work of its own."""
    words = [_DEATHS.get(one.direct.outcome, one.direct.outcome) for one in compared if not one.direct.is_absent]
    return " or ".join(dict.fromkeys(words)) or NOT_OFFERED


def summary(runs: Sequence[Run]) -> str:
    """One row for each client, over all runs."""
    every = [one for run in runs for one in compare(run)]
    clients = list(dict.fromkeys(one.client for one in every))
    rows = []
    for client in clients:
        own = [one for one in every if one.client == client]
        if all(one.edge.outcome is Outcome.NOT_INSTALLED for one in own):
            rows.append([client, "not installed", *[""] * len(NAMES)])
            continue
        by_action = {action: [one for one in own if one.action == action] for action in NAMES}
        rows.append([client, *(cell(by_action[action]) for action in NAMES), death(by_action[DYING])])
    return words_table(("client", *NAMES, "the same direct"), rows)


def words_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table without numbers."""
    return markdown_table(columns, rows, texts=len(columns))


def readme_section(runs: Sequence[Run]) -> str:
    """What stands in the README between BEGIN and END."""
    storages = " and ".join(run.storage for run in runs)
    details = "[versions, differences, reasons](loadtests/results/clients.md)"
    return f"{BEGIN}\n\n{summary(runs)}\n{MEANING}.\nThrough s3edge, on {storages}; {details}.\n{END}\n"


def replace_section(text: str, section: str) -> str:
    """A text with the section between BEGIN and END replaced. Raises ValueError if it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(f"{END}\n")
    if not begin or not end:
        raise ValueError(f"found no lines {BEGIN!r} and {END!r}")
    return before + section + after


def report(runs: Sequence[Run]) -> str:
    """clients.md."""
    parts = [
        "# S3 clients through s3edge\n",
        summary(runs),
        f"{MEANING}; `{NO}`: fails through s3edge only.\n",
        *map(_of_run, runs),
    ]
    return "\n".join(parts)


def _of_run(run: Run) -> str:
    compared = compare(run)
    machine = {name: fact for name, fact in run.machine.items() if name not in VERSION_COMMANDS}
    facts = {"command": f"`{run.command}`", "took": f"{run.seconds:.0f} s", **machine}
    if run.settings:
        facts["set for all clients"] = ", ".join(f"`{name}={value}`" for name, value in run.settings.items())
    listed = "".join(f"- {name}: {value}\n" for name, value in facts.items())
    differ = [one for one in compared if one.comparison in {Comparison.WORSE, Comparison.BETTER, Comparison.UNTRIED}]
    neither = [one for one in compared if one.comparison is Comparison.NEITHER]
    return "\n".join(
        [
            f"## {run.storage}\n\n{listed}",
            markdown_table(FINDING_COLUMNS, [finding.cells() for finding in judge(compared)]),
            f"### Each client\n\n{_clients(run, compared)}",
            "### When a node dies in the middle of a read\n",
            _pairs([one for one in compared if one.action == DYING and one.comparison is not Comparison.ABSENT]),
            "### Other differences between direct and through s3edge\n",
            _pairs([one for one in differ if one.action != DYING]),
            f"### What goes well on neither way\n\n{_pairs(neither)}",
            f"### What clients do not offer\n\n{_not_offered(run)}",
        ]
    )


def _clients(run: Run, compared: Sequence[Compared]) -> str:
    rows = []
    for client in run.clients:
        trials = [trial for trial in run.trials if trial.client == client]
        cells = []
        for action in NAMES:
            words = [cell([one]) for one in compared if one.client == client and one.action == action]
            cells.append(" / ".join(dict.fromkeys(words)))
        rows.append([client, next((trial.version for trial in trials if trial.version), "not installed"), *cells])
    return words_table(("client", "version", *NAMES), rows)


def _pairs(compared: Sequence[Compared]) -> str:
    """What happened on both ways; the same by HTTP and HTTPS stands there once."""
    if not compared:
        return "None.\n"
    schemes: dict[tuple[str, ...], list[str]] = {}
    for one in compared:
        direct, edge = _said(one.direct), _said(one.edge)
        words = (one.client, one.action, direct, "the same" if edge == direct else edge)
        schemes.setdefault(words, []).append(one.scheme)
    rows = [[client, action, ", ".join(by), direct, edge] for (client, action, direct, edge), by in schemes.items()]
    return words_table(("client", "action", "by", "direct", "through s3edge"), rows)


def _said(result: Result) -> str:
    text = f"{result.outcome}: {result.reason}" if result.reason else str(result.outcome)
    return text.replace("|", "\\|").replace("<", "&lt;")


def _not_offered(run: Run) -> str:
    """Each client's reasons, with what they are the reasons for."""
    rows = []
    for client in run.clients:
        results = run.trial(client, way_name(SCHEMES[0], DIRECT)).results
        reasons: dict[str, list[str]] = {}
        for action, result in results.items():
            if result.is_absent:
                reasons.setdefault(result.reason, []).append(action)
        rows += [[client, ", ".join(actions), reason] for reason, actions in reasons.items()]
    return words_table(("client", "action", "why not"), rows) if rows else "None.\n"


def write_reports(runs: Sequence[Run], folder: Path) -> None:
    """clients.md in a folder."""
    (folder / "clients.md").write_text(report(runs))
