"""The page of a fine-tuning: what was learned from, the curves, the numbers before and after, and where to look on."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.evaluation.summary import spelled
from echocare_core.finetuning.cases import Cases
from echocare_core.finetuning.comparison import warnings_of
from echocare_core.finetuning.new_bundle import LEAST, README, Numbers, least_confidence
from echocare_core.finetuning.trained import Trained
from echocare_core.results.page.document import Document, package_version

CURVES = "curves.png"

_PAGE = Template("""<body>
<a class="skip" href="#main">Skip to the numbers</a>
<header>
<p class="brand">EchoCare, open <span>version $version</span></p>
<h1>$name, fine-tuned</h1>
<p class="summary">$cases</p>
</header>
<aside class="notice" aria-label="Intended use">
<p><strong>Not a medical device.</strong> For research; not for diagnosis or treatment. Val chose these weights, so its
numbers flatter them; $test</p>
</aside>
<main id="main" tabindex="-1">
<section aria-labelledby="numbers"><h2 id="numbers">Before and after</h2>
<table><thead><tr><th scope="col">images</th><th scope="col">number</th><th scope="col">before</th>
<th scope="col">after</th><th scope="col">difference</th><th scope="col">n</th>
<th scope="col">warning</th></tr></thead>
<tbody>$rows</tbody></table>
<p>With 95 % intervals over patients. $tuning $share $least</p></section>
<section aria-labelledby="curves"><h2 id="curves">The training</h2>
<p><img src="data:image/png;base64,$curves" alt="Loss and validation of each epoch"></p></section>
<section aria-labelledby="pages"><h2 id="pages">Image by image</h2>
<ul>$pages</ul></section>
</main>
</body>
</html>
""")
_LEAST = (
    f"What is less sure than {LEAST} of inference.json is left out, before and after; it was chosen for the weights "
    f"that came with the bundle. {README} of the new one says how to set it."
)


def write_page(
    path: Path,
    tuned: Path,
    cases: Cases,
    trained: Trained,
    numbers: Numbers,
    run: Path,
    evaluations: Sequence[Path],
) -> Path:
    """Write it.

    Args:
        path: of the page.
        tuned: folder of the new bundle.
        cases: what was learned from.
        trained: in which mode, and how much of the start is in the new weights.
        numbers: see `FineTuned`.
        run: folder of the training, with its curves.
        evaluations: folders beside the page, each with a folder for each split.

    Returns:
        The page.
    """
    curves = run / CURVES
    text = _PAGE.substitute(
        version=escape(package_version()),
        name=escape(tuned.name),
        cases="<br>".join(map(escape, str(cases).splitlines())),
        rows="".join(_rows(numbers)),
        tuning=escape(str(trained)),
        share=_said(trained.share),
        least="" if least_confidence(tuned) is None else _LEAST,
        test="those of test do not."
        if "test" in numbers
        else "there is no split test, which would say how good they are.",
        curves=base64.b64encode(curves.read_bytes()).decode("ascii") if curves.is_file() else "",
        pages="".join(_links(path.parent, evaluations)),
    )
    with replacing(path, OWNER_ALONE) as unfinished:
        unfinished.write_text(Document(f"{tuned.name}, fine-tuned").head + text, encoding="utf-8")
    return path


def _rows(numbers: Numbers) -> Iterator[str]:
    for split, named in numbers.items():
        for name, parts in named.items():
            cells = "".join(f"<td>{spelled(parts[part])}</td>" for part in ("before", "after"))
            change = spelled(parts["difference"], "+.3f")
            less = " (less is better)" if "_error" in name else ""
            head = f'<th scope="row">{escape(split)}</th><td>{escape(name)}{less}</td>'
            more = f"<td>{change}</td><td>{parts['after']['images']}</td><td>{escape(warnings_of(parts))}</td>"
            yield f"<tr>{head}{cells}{more}</tr>\n"


def _said(share: float) -> str:
    if share == 1:
        return "No training did better on val than the weights that came with the bundle: they are kept."
    if share == 0:
        return "The weights are those of the best epoch."
    return f"The weights are a mean: {share:.0%} those that came with the bundle, the rest those of the best epoch."


def _links(folder: Path, evaluations: Sequence[Path]) -> Iterator[str]:
    for evaluation in evaluations:
        for page in sorted(evaluation.glob("*/report/evaluation.html")):
            address = page.relative_to(folder).as_posix()
            split = page.parent.parent.name
            yield f'<li><a href="{escape(address)}">{escape(split)}, {escape(evaluation.name)}</a></li>\n'
