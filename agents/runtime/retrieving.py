"""How a run searches the knowledge of its agent, and makes a follow-up whole where rules do not."""

from __future__ import annotations

from dataclasses import dataclass

from agents.runtime import clarifying, outputs, prompting, prompts, searching
from agents.runtime.run import Run
from agents.types import Decision, RetrieveResult, Searched, StepKind
from agents.types_leads import LeadsMode
from integrations.llm.types import Purpose, add_usage
from tenants.errors import Permanent, Temporary


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found, and what of it is kept for the page of unanswered questions."""

    result: RetrieveResult
    searched: Searched | None


def retrieve(run: Run) -> Retrieved | None:
    """Search the present agent's knowledge; None where it has none."""
    if run.asked and run.chosen:
        queries = [" ".join(f"{run.asked.question} {run.chosen}".split())]
        before = ""
    else:
        queries = searching.queries(run.burst)
        before = searching.previous(run.request.transcript)
    with run.step(StepKind.RETRIEVE) as data:
        data.update(query=queries[0], category_ids=list(run.agent.category_ids), confidence=0.0)
        if not run.agent.category_ids:
            data["passages"] = []
            return None
        results = [_search(run, query, before) for query in queries]
        found, question = searching.merged(results), queries[0]
        is_unsure = before and found.decision != Decision.ANSWER
        whole = _rewritten(run, data) if is_unsure and not _replies(run) else ""
        if whole:
            results.append(_search(run, whole, ""))
            if results[-1].confidence > found.confidence:
                found, question, before = results[-1], whole, ""
        if run.chosen:
            found = searching.chosen_first(
                found, lambda one: clarifying.label_of(one.evidence) == run.chosen
            )
        data.update(searching.as_data(found, results))
        return Retrieved(
            found,
            searching.searched(found, question=question, before=before, agent=run.agent),
        )


def _replies(run: Run) -> bool:
    """Test whether the contact answers what they were asked about themselves.

    That is no question, and a model that rewrites it would only be waited for.
    """
    last = run.request.transcript[-1] if run.request.transcript else None
    is_asked = last is not None and last.role != "contact" and last.text.rstrip().endswith("?")
    return run.agent.leads is LeadsMode.LIVE and is_asked


def _search(run: Run, query: str, before: str) -> RetrieveResult:
    return run.context.retrieve(query=query, category_ids=run.agent.category_ids, previous=before)


def _rewritten(run: Run, data: dict[str, object]) -> str:
    """Return the burst as one question that needs no chat; empty where the rules must do.

    Only where the rules found nothing sure: they do for most follow-ups, and cost no time.
    """
    config, remaining = run.agent.model_for(Purpose.REWRITE), run.remaining_s()
    if config is None or run.limit_reached(remaining):
        return ""
    run.n_calls += 1
    request = searching.rewriting(
        run.request,
        burst=run.burst,
        language_name=prompting.LANGUAGE_NAMES[prompts.language(run.request.language)],
        timeout_s=min(config.timeout_s, remaining),
    )
    asked: dict[str, object] = {"purpose": Purpose.REWRITE.value}
    data["rewriting"] = asked
    try:
        result = run.context.chat(config, request, run.agent)
    except (Temporary, Permanent) as error:
        asked["failed"] = error.reason
        return ""
    run.usage = add_usage(run.usage, result.usage)
    whole = searching.rewritten(
        outputs.without_thoughts(result.text),
        burst=run.burst,
        transcript=run.request.transcript,
    )
    asked.update(
        provider=result.provider,
        model=result.model,
        latency_ms=result.latency_ms,
        question=whole,
    )
    return whole
