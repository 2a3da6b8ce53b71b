"""What the API's document says of all operations alike: who may ask, and how they refuse."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from app.identity.access import RULES, Who
from app.pages import PROBLEM_JSON

SECURITY_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token, for programs. While nobody can log in, none is needed.",
    },
    "log-in": {
        "type": "apiKey",
        "in": "cookie",
        "name": "winnow",
        "description": "The cookie of a log-in, for browsers; over HTTPS, its name is `__Host-winnow`.",
    },
}


class Problem(BaseModel):
    """What went wrong (RFC 9457). Some problems have further members, such as the job that is in the way."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What happened and how to mend it: a sentence for people.")
    code: str = Field(description="The problem's name, for programs.")


class DescribedApp(FastAPI):
    """An app whose document tells of what stands before and around all routes, of which FastAPI does not know."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        known = self.openapi_schema
        document = super().openapi()
        if document is not known:
            _complete(document)
        return document


def _complete(document: dict[str, Any]) -> None:
    components = document["components"]
    components["securitySchemes"] = SECURITY_SCHEMES
    document["security"] = [{name: []} for name in SECURITY_SCHEMES]
    # What is said of a 422 by FastAPI, which does not know how errors are told here.
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["schemas"]["Problem"] = Problem.model_json_schema()
    who = {(rule.method, rule.path): rule.who for rule in RULES}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            match who[method.upper(), path]:
                case Who.ANYONE:
                    operation["security"] = []
                case Who.IN_PERSON | Who.ADMIN_IN_PERSON:
                    operation["security"] = [{"log-in": []}]
            _tell_of_problems(operation["responses"])


def _tell_of_problems(responses: dict[str, Any]) -> None:
    """Give every refusal the one shape; what a route says of one of its own stays."""
    if "422" in responses:
        responses["422"]["description"] = "A value in the request cannot be used; `errors` may say which."
    responses.setdefault("4XX", {"description": "This cannot be done; the sentence says why."})
    responses.setdefault("5XX", {"description": "The server is at fault, or cannot do this just now."})
    for status, response in responses.items():
        if status[0] in "45":
            response["content"] = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
