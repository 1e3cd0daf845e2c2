"""One client of the vendor's SDK, told what to call.

The first line of standard input has the arguments of the client, each further one the name of a call and what it is
given. Each is answered by a line: what the SDK returned, or what it raised.
"""

import json
import logging
import sys

import requests
from codemie_sdk import CodeMieClient
from codemie_sdk.models.assistant import AssistantChatRequest, AssistantCreateRequest, AssistantUpdateRequest
from codemie_sdk.models.conversation import UpdateConversationRequest
from codemie_sdk.services.user import UserService
from pydantic import BaseModel, ValidationError


class City(BaseModel):
    city: str
    rivers: list[str]


def chat(client, assistant, **request):
    return client.assistants.chat(assistant, AssistantChatRequest(**request))


def begin_stream(client, assistant, **request):
    answer = chat(client, assistant, stream=True, **request)
    client.stream = answer.iter_lines()
    return answer.headers["Content-Type"]


def next_object(client):
    """The next object of the stream; nothing after the last."""
    line = next(client.stream, None)
    return line and json.loads(line)


def chat_about_a_city(client, assistant, **request):
    city = chat(client, assistant, output_schema=City, **request).generated
    return {"class": type(city).__name__, "city": city.city, "rivers": city.rivers}


def ended_task(client, task):
    while (seen := client.tasks.get(task)).status == "STARTED":
        pass
    return seen


CALLS = {
    "token": lambda client: client.auth.get_token(),
    "token_for_user": lambda client, email: client.auth.exchange_token_for_user(email, client.auth.get_token()),
    "about_me": lambda client: client.users.about_me(),
    "about_me_with": lambda client, domain, token: UserService(domain, token).about_me(),
    "models": lambda client: client.llms.list(),
    "embeddings": lambda client: client.llms.list_embeddings(),
    "create_assistant": lambda client, **given: client.assistants.create(AssistantCreateRequest(**given)),
    "update_assistant": lambda client, assistant, **given: client.assistants.update(
        assistant, AssistantUpdateRequest(**given)
    ),
    "assistant": lambda client, assistant: client.assistants.get(assistant),
    "assistant_by_slug": lambda client, slug: client.assistants.get_by_slug(slug),
    "assistants": lambda client, **given: client.assistants.list(**given),
    "delete_assistant": lambda client, assistant: client.assistants.delete(assistant),
    "chat": chat,
    "chat_by_slug": lambda client, slug, **given: client.assistants.chat_by_slug(slug, AssistantChatRequest(**given)),
    "begin_stream": begin_stream,
    "next_object": next_object,
    "chat_about_a_city": chat_about_a_city,
    "task": lambda client, task: client.tasks.get(task),
    "ended_task": ended_task,
    "conversations": lambda client, **given: client.conversations.list(**given),
    "conversations_with": lambda client, assistant: client.conversations.list_by_assistant_id(assistant),
    "conversation": lambda client, conversation: client.conversations.get_conversation(conversation),
    "change_conversation": lambda client, conversation, **given: client.conversations.update(
        conversation, UpdateConversationRequest(**given)
    ),
    "finish_conversation": lambda client, conversation: client.conversations.finish(conversation),
    "delete_conversation": lambda client, conversation: client.conversations.delete(conversation),
}


def as_json(seen):
    if isinstance(seen, BaseModel):
        return seen.model_dump(mode="json")
    if isinstance(seen, list):
        return [as_json(each) for each in seen]
    return seen


def body_of(response):
    try:
        return response.json()
    except ValueError:
        return response.text


def answer(call):
    """Prints what came of a call, and gives what it returned."""
    try:
        returned = call()
        line = {"returned": None if isinstance(returned, CodeMieClient) else as_json(returned)}
    except requests.HTTPError as raised:
        response = raised.response
        returned, line = None, {"raised": "HTTPError", "status": response.status_code, "body": body_of(response)}
    except ValidationError as raised:
        returned, line = None, {"raised": "ValidationError", "about": raised.title}
    print(json.dumps(line), flush=True)
    return returned


def main():
    # What is raised on purpose is told on standard output.
    logging.disable()
    arguments = json.loads(sys.stdin.readline())
    client = answer(lambda: CodeMieClient(**arguments))
    for line in sys.stdin:
        name, given = json.loads(line)
        answer(lambda: CALLS[name](client, **given))


main()
