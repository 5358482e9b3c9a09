"""
Serve a policy
==============

A policy is one file of a plan. A server loads it once and sends every query that comes in where the plan would have,
in milliseconds. Put what is below ``app`` into a module and run ``uvicorn module:app``.
"""

from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

from optllm_pymoo import Policy, UserError, make_dataset
from optllm_pymoo.planning import plan_front

# %%
# In earnest ``Policy.load("optllm-plan")`` reads what ``optllm-pymoo plan`` has written.
front = plan_front(make_dataset(150, 3, random_state=9), 0.3)
policy = Policy.of(front, front.choose())

app = FastAPI(title="Which LLM?")


@app.post("/route")
def route(query: dict[str, Any]) -> dict[str, Any]:
    """Answer ``{"text": ..., "group": ...}`` with an LLM and what is expected of it."""
    try:
        found = policy.route([query.get("text")], groups=[query.get("group")])
    except UserError as error:  # no text, or no LLM may have it
        raise HTTPException(422, str(error)) from None
    return {"llm": found.llms[0], "accuracy": float(found.accuracy[0]), "cost_usd": float(found.cost_usd[0])}


@app.get("/about")
def about() -> dict[str, Any]:
    """Say which data and prices the policy comes from, and how far it agrees with its plan."""
    return dict(policy.about)


# %%
# One text, and one that is none.
client = TestClient(app)
text = front.planned.texts[0]
answer = client.post("/route", json={"text": text, "group": "code"}).json()
print(f"{text!r:.50} goes to {answer['llm']}, right with {answer['accuracy']:.2f}, for {answer['cost_usd']:.2g} US$")
refused = client.post("/route", json={"text": None})
print(refused.status_code, refused.json()["detail"])

assert answer["llm"] == policy.route([text], groups=["code"]).llms[0]
assert refused.status_code == 422
assert client.get("/about").json()["agrees"] == 1
