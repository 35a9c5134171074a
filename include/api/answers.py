"""The bodies of the native API, for its OpenAPI page and for what it checks of a request."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1, max_length=512)]
MAX_BATCH = 100


class ListedItem(BaseModel):
    rank: int
    item_id: str
    title: str
    score: float
    source: str
    reason: str


class Recommendations(BaseModel):
    """fallback: null for the user's own list, else whose popular items stand in."""

    recommendation_id: str
    publication_id: str | None
    model_version: str | None
    as_of: str | None
    fallback: str | None
    items: list[ListedItem]
    asked: list[str] | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "recommendation_id": "0f3c…",
                "publication_id": "00000002-refresh-19980422T231038",
                "model_version": "19980422T231038-5b0c1d2e3f40",
                "as_of": "1998-04-22T23:10:38Z",
                "fallback": None,
                "items": [
                    {
                        "rank": 1,
                        "item_id": "195",
                        "title": "Terminator, The (1984)",
                        "score": 2.41,
                        "source": "als",
                        "reason": "because you liked Alien (1979)",
                    }
                ],
            }
        }
    )


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RerankBody(Strict):
    """items: what to put in order.  session: what the person just looked at, the newest last."""

    items: Annotated[list[Id], Field(min_length=1, max_length=1000)]
    session: Annotated[list[Id], Field(max_length=1000)] = []


class RowsBody(Strict):
    """rows: as landing rows are; see docs/contracts.md."""

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=10_000)]


class BatchBody(Strict):
    user_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_BATCH)]
    n: Annotated[int, Field(ge=1, le=1000)] = 10


class Taken(BaseModel):
    """rows: how many are on disk, for the next refresh.  file: below landing/."""

    rows: int
    file: str


class Problem(BaseModel):
    error: str
