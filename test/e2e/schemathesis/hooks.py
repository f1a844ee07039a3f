"""What schemathesis is told of Tidemark that the description in OpenAPI cannot say."""

import base64
import json
import os

import schemathesis
from hypothesis import strategies
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

RECORD_BATCHES = "application/vnd.tidemark.record-batches"

# Bytes like others to a schema: of random ones, none is a record batch.
schemathesis.openapi.media_type(
    RECORD_BATCHES,
    strategies.sampled_from([base64.b64decode(batch) for batch in json.loads(os.environ["TIDEMARK_BATCHES"])]),
)

# What is right by the schema and refused all the same: by what is there, or by what stands elsewhere in the request.
# Operation, status, Kafka's name of the error, and words of its text.
REFUSALS = [
    # The log has grown so far, and no further.
    ("GET /topics/{topic}/partitions/{partition}/records", 416, "OFFSET_OUT_OF_RANGE", "is not in the log"),
    ("DELETE /topics/{topic}/partitions/{partition}/records", 416, "OFFSET_OUT_OF_RANGE", "cannot be deleted"),
    # The topic has so many already.
    ("PATCH /topics/{topic}", 422, "INVALID_PARTITIONS", "can only grow"),
    # One lag is compared with the other, which may be the topic's own.
    ("POST /topics", 422, "INVALID_CONFIG", "must not be more than max.compaction.lag.ms"),
    ("PATCH /topics/{topic}", 422, "INVALID_CONFIG", "must not be more than max.compaction.lag.ms"),
    # The topic's own max.message.bytes, and its clock.
    ("POST /topics/{topic}/records", 413, "MESSAGE_TOO_LARGE", "max.message.bytes"),
    ("POST /topics/{topic}/records", 422, "INVALID_TIMESTAMP", "message.timestamp.after.max.ms"),
    # A parameter in the query that belongs to one content type.
    ("POST /topics/{topic}/records", 400, "INVALID_REQUEST", "stands in each record and not in the query"),
    ("POST /topics/{topic}/records", 400, "INVALID_REQUEST", "say which with ?partition=N"),
    # Two of a list that are alike in some of their members.
    ("POST /groups/{groupId}/offsets", 400, "INVALID_REQUEST", "is there twice"),
    # A language of its own, with groups in groups, for which no schema has a pattern.
    ("POST /groups/{groupId}/heartbeat", 400, "INVALID_REQUEST", "The topic pattern"),
    ("POST /transactions/{transactionalId}/offsets", 400, "INVALID_REQUEST", "is there twice"),
    ("POST /transactions/{transactionalId}/end", 400, "INVALID_REQUEST", "is there twice"),
    # What a member gives depends on which kind its group is of.
    ("POST /transactions/{transactionalId}/offsets", 400, "INVALID_REQUEST", "A member commits under a generation"),
    ("POST /transactions/{transactionalId}/end", 400, "INVALID_REQUEST", "A member commits under a generation"),
    # Needed with some members of the request and not with others.
    ("POST /transactions/{transactionalId}/end", 400, "INVALID_REQUEST", "says its number"),
    # Not by a request as schemathesis makes them.
    ("GET /waking", 400, "INVALID_REQUEST", "Open a WebSocket"),
]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    # What is open is deleted; the id and its producer's epoch stay, or nobody would be fenced.
    if isinstance(failure, UseAfterFree) and "/transactions/" in case.operation.label:
        return False
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    return not any(
        case.operation.label == operation
        and response.status_code == status
        and problem["kafkaError"] == name
        and words in problem["detail"]
        for operation, status, name, words in REFUSALS
    )
