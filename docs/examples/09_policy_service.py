"""
A policy in a small service
===========================

A plan is for one batch. What it was made by, the predictor and the exchange rate, is its *policy*: it sends tomorrow's
queries, one by one, where the plan would have sent them. Here behind an HTTP address, with FastAPI.
"""

from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import BaseModel

from optllm_pymoo import Policy, UserError, WithinBudget, make_dataset
from optllm_pymoo.planning import plan_front

# %%
# Overnight: plan a batch and keep the policy. ``optllm-pymoo plan`` writes it too, as ``policy.npz``.
folder = TemporaryDirectory()
path = Path(folder.name, "policy.npz")
batch = make_dataset(400, 4, random_state=9)
front = plan_front(batch, 0.3, random_state=0, n_jobs=1)
Policy.of(front, front.choose(WithinBudget(0.6))).save(path)


# %%
# The service reads it once, when it starts. It holds no text and no outcome of the batch, and loading it runs nothing.
class Queries(BaseModel):
    """What is asked: texts."""

    texts: list[str]


@asynccontextmanager
async def lifespan(app):
    """Read the policy before the first request."""
    app.state.policy = Policy.load(path)
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/route")
def route(queries: Queries):
    """Say for each text which LLM it goes to, what that will cost, and how likely the answer is right."""
    try:
        routes = app.state.policy.route(queries.texts)
    except UserError as error:
        raise HTTPException(422, str(error)) from None
    rows = zip(routes.llms, routes.cost_usd, routes.accuracy, strict=True)
    return [{"llm": llm, "cost_usd": float(usd), "accuracy": float(accuracy)} for llm, usd, accuracy in rows]


# %%
# Asked as a client would ask. A server is started with ``uvicorn my_service:app``; FastAPI's test client does without.
with TestClient(app) as client:
    answer = client.post("/route", json={"texts": [batch.texts[0], "What is 17 * 23?"]})
    refused = client.post("/route", json={"texts": []})

for row in answer.json():
    print(row)
assert {row["llm"] for row in answer.json()} <= set(batch.llms)
print(refused.status_code, refused.json()["detail"])
assert refused.status_code == 422
folder.cleanup()

# %%
# All texts of a request are predicted together, so send many at once. And mind what a policy can't see: when prices
# change, or other things are asked than were labelled, plan again.
