"""The page of an evaluation, put together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from string import Template
from typing import Any

from echocare_core.assessment.evaluation import Evaluation
from echocare_core.assessment.folder import CHECKLIST_MD, EVALUATION_CSV, EVALUATION_JSON, NOT_JOINED_CSV
from echocare_core.assessment.page.checklist import checklist_html
from echocare_core.assessment.page.failures import show_cases, show_worst
from echocare_core.assessment.page.sections import comparison, joining, questions, subgroups, summary, tiles
from echocare_core.bundle import read_metadata
from echocare_core.counting import counted
from echocare_core.results.page.document import Document, package_version

STYLES, SCRIPTS = ("base.css", "list.css", "evaluation.css"), ("dom.js", "list.js", "evaluation.js")

_BODY = Template("""$head<body>
<a class="skip" href="#summary">To the summary</a>
<header>
<p class="brand">EchoCare, open <span>version $version</span></p>
<h1>$title</h1>
<p class="summary">$said</p>
<p class="meta">Written <time datetime="$iso">$written</time>. $weights</p>
</header>
<aside class="notice" aria-label="Intended use">
<p><strong>Not a medical device.</strong> These numbers say how software for research did on these cases. They say
nothing of other scanners, centres or patients. $intended_use</p>
</aside>
<main>
<section aria-labelledby="summary"><h2 id="summary" tabindex="-1">Summary</h2>
$tiles$summary</section>
<section aria-labelledby="joined"><h2 id="joined">Labels and results</h2>
$joining</section>
$questions
<section aria-labelledby="groups"><h2 id="groups">Subgroups</h2>
$subgroups</section>
$comparison<section aria-labelledby="worst-cases"><h2 id="worst-cases">Worst cases</h2>
$worst</section>
<section aria-labelledby="cases"><h2 id="cases">All cases</h2>
$cases</section>
<section aria-labelledby="checklist"><h2 id="checklist">Reporting checklist</h2>
<p class="meta">In our own short words; see CLAIM 2024 (Tejani et al., Radiol Artif Intell 6:e240300) and TRIPOD+AI
(Collins et al., BMJ 385:e078378). Also in $checklist_md.</p>
$checklist</section>
<section aria-labelledby="files"><h2 id="files">Beside this page</h2>
<ul>
<li><code>$csv</code>: a row for each case</li>
<li><code>$json</code>: every number with its interval, and how the results were made</li>
<li><code>$left</code>: labels without a result, and results without a label</li>
<li><code>$checklist_md</code>: the checklist, to be filled in</li>
</ul></section>
</main>
<p id="announced" class="unseen" role="status"></p>
$script</body>
</html>
""")


def page_of(evaluation: Evaluation, content: Mapping[str, Any]) -> str:
    """The page as HTML.

    Args:
        evaluation: what was found.
        content: the same as `evaluation.json` has it.
    """
    metadata, origin = read_metadata(evaluation.bundle), evaluation.results.origin
    document = Document(f"Evaluation: {metadata.get('name', evaluation.results.bundle)}", STYLES, SCRIPTS)
    written = datetime.now().astimezone()
    return _BODY.substitute(
        head=document.head,
        version=escape(package_version()),
        title=escape(document.title),
        said=f"{counted(len(evaluation.joined.cases), 'case')} of {counted(evaluation.joined.groups, 'patient')}, "
        f"labelled in {escape(evaluation.labels.name)}.",
        iso=written.isoformat(timespec="seconds"),
        written=f"{written:%Y-%m-%d %H:%M}",
        weights=f"Bundle {escape(evaluation.results.bundle)} {escape(str(metadata.get('version', '')))}, weights "
        f"<code>{escape(str(origin.get('weights_sha256', 'unknown'))[:16])}</code>.",
        intended_use=escape(str(metadata.get("intended_use", ""))),
        tiles=tiles(evaluation),
        summary=summary(evaluation),
        joining=joining(evaluation),
        questions="\n".join(questions(evaluation)),
        subgroups=subgroups(evaluation),
        comparison=comparison(evaluation),
        worst=show_worst(evaluation),
        cases=show_cases(evaluation),
        checklist=checklist_html(evaluation, content),
        checklist_md=CHECKLIST_MD,
        csv=EVALUATION_CSV,
        json=EVALUATION_JSON,
        left=NOT_JOINED_CSV,
        script=document.script_element,
    )
