"""Runs and findings as JSON documents, for the store, the spool and the queue."""

import json
from dataclasses import asdict
from typing import Any, Final, TypeVar

import msgspec

from lockml.audit.model import Accepted, Finding, RunResult, Unknown

__all__ = ["RunDocument", "decode_result", "encode_document", "encode_result", "finding_table"]

SCHEMA: Final = "lockml/run/1"
_T = TypeVar("_T")


class RunDocument(msgspec.Struct, kw_only=True):
    """The part of a run that the store keeps beside its row, once for all runs that found the same."""

    schema: str = SCHEMA
    findings: list[Finding] = []
    accepted: list[Accepted] = []
    unknown: list[Unknown] = []
    details: dict[str, str] = {}
    report: dict[str, Any] | None = None


def encode_document(result: RunResult) -> bytes:
    """Return the JSON text of the `RunDocument` of *result*, in ASCII."""
    document = RunDocument(
        findings=list(result.findings),
        accepted=list(result.accepted),
        unknown=list(result.unknown),
        details=dict(result.details),
        report=dict(result.report) if result.report is not None else None,
    )
    return json.dumps(msgspec.to_builtins(document), sort_keys=True).encode("ascii")


def decode_document(content: bytes) -> RunDocument:
    """Parse the output of `encode_document`."""
    return msgspec.convert(json.loads(content), type=RunDocument)


def finding_table(finding: Finding) -> dict[str, Any]:
    """Return *finding* as a JSON object."""
    return asdict(finding)


def encode_result(result: RunResult) -> bytes:
    """Return *result* as JSON in ASCII: file names may hold what UTF-8 cannot."""
    return json.dumps(msgspec.to_builtins(result)).encode("ascii")


def decode_result(content: bytes) -> RunResult:
    """Parse the output of `encode_result`; raises ValueError for anything else."""
    try:
        return msgspec.convert(json.loads(content), type=RunResult)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(str(error)) from error
