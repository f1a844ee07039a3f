"""What both Python programs share: requests in, answers out, a line each."""

import base64
import json
import sys
import threading

_printing = threading.Lock()


class Refused(Exception):
    """What the broker answered: Kafka's number of the error, and the client's words."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def decoded(text):
    return None if text is None else base64.b64decode(text)


def encoded(data):
    return None if data is None else base64.b64encode(data).decode()


def say(message):
    with _printing:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def tell(**event):
    say({"event": event})


def serve(client):
    """Calls the client's method that a request names, until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        name = request.pop("do")
        try:
            say({"ok": getattr(client, name)(**request)})
        except Refused as refused:
            say({"error": {"code": refused.code, "message": str(refused)}})
        except Exception as error:  # whatever a client throws is an answer
            code = client.code_of(error)
            say({"error": {"code": code, "message": f"{type(error).__name__}: {error}"}})
    client.close()
