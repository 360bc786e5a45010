"""CreateTopic, DeleteTopic, ListTopics, the topic attributes and the tags.

The rule kept here: a topic is a fanout exchange, whoever made it.
"""

from collections.abc import Mapping

from postroad.limits import SNS_LOOK, SNS_PAGE, SNS_STEP, SNS_STEP_LOOK
from postroad.model.batch import Asking
from postroad.model.commands import ChangeQueue, DeleteQueue
from postroad.model.exchanges import (
    FANOUT,
    ChangeExchange,
    DeclareExchange,
    DeleteExchange,
    DescribeExchange,
    ExchangeDescribed,
    ExchangeSettings,
    ListExchanges,
)
from postroad.model.kv import KvDelete
from postroad.model.replies import Listed, Refused
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.sns import inputs
from postroad.protocols.sns.actions.call import Call, done, find_topic, run, run_in_steps
from postroad.protocols.sns.arns import Topic, is_fifo, read_topic, spellable
from postroad.protocols.sns.errors import bad, fault, refusal
from postroad.protocols.sns.mapping import PUSHED, some_subscriptions
from postroad.protocols.sns.pages import after_token, token_after
from postroad.protocols.sns.sifting import SPACE, sequence_key
from postroad.protocols.sns.spec import DELIVERY, EXTRA, FIFO, TOPIC_ATTRIBUTES
from postroad.protocols.sns.tags import bad_tags, labels_of
from postroad.protocols.sns.topic_attributes import (
    all_attributes,
    policy_for_endpoints,
    read_attributes,
)

_FIFO_NAME = (
    "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII"
    " letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long."
)


def create_topic(call: Call, given: inputs.CreateTopic) -> Script | Fault:
    """A topic, or the ARN of the one that is there already and agrees."""
    name = given.Name
    attributes = given.Attributes or {}
    fifo = attributes.get(FIFO, "false").lower() == "true"
    if not spellable(name) or is_fifo(name) != fifo:
        return bad(_FIFO_NAME if fifo else "Topic Name")
    if given.DataProtectionPolicy:
        return bad("DataProtectionPolicy", "data protection is not supported here")
    extras = read_attributes(name, attributes)
    if isinstance(extras, Fault):
        return extras
    labels = labels_of(given.Tags or [])
    wrong = bad_tags(labels)
    if wrong is not None:
        return wrong

    def program(tx: Asking) -> Shape | Fault:
        known = tx.ask(DescribeExchange(name))
        if isinstance(known, ExchangeDescribed):
            differs = _difference(known, given, extras, labels)
            return {"TopicArn": call.topic_arn(name)} if differs is None else differs
        kept = {one: text for one, text in extras.items() if text}
        reply = tx.ask(DeclareExchange(name, ExchangeSettings(FANOUT), kept, labels))
        return refusal(reply) if isinstance(reply, Refused) else {"TopicArn": call.topic_arn(name)}

    return run(program)


def _difference(
    known: ExchangeDescribed,
    given: inputs.CreateTopic,
    extras: dict[str, str],
    labels: dict[str, str],
) -> Fault | None:
    if known.settings.kind != FANOUT:
        return bad("Topic Name", f"an exchange of kind {known.settings.kind} has this name")
    for name, text in extras.items():
        had = known.extras.get(name, "")
        if had != text and not (text == "false" and not had):
            return bad("Attributes", "Topic already exists with different attributes")
    if given.Tags and labels != known.labels:
        return bad("Tags", "Topic already exists with different tags")
    return None


def delete_topic(_call: Call, given: inputs.OneTopic) -> Script | Fault:
    """A topic and its subscriptions are gone; one that is not there is gone already."""
    topic = read_topic(given.TopicArn)
    if isinstance(topic, Fault):
        return topic

    begun: list[int] = []

    def step(tx: Asking, after: int) -> Shape | Fault | int:
        described = find_topic(tx, topic.name)
        # Another of this name was made in between: what was to be deleted is gone.
        if isinstance(described, Fault) or (begun and begun[0] != described.exchange):
            return {}
        begun.append(described.exchange)
        some, last = some_subscriptions(tx, topic.name, after, SNS_STEP)
        for one in some:
            if one.protocol in PUSHED:
                tx.ask(DeleteQueue(one.target))
        if last is not None:
            return last
        tx.ask(KvDelete(SPACE, [sequence_key(described.exchange)]))
        return done(tx.ask(DeleteExchange(topic.name)))

    return run_in_steps(step)


def list_topics(call: Call, given: inputs.Page) -> Script | Fault:
    """ARNs of topics by name, in pages."""
    start = after_token(given.NextToken)
    if isinstance(start, Fault):
        return start
    first = start

    def program(tx: Asking) -> Shape | Fault:
        names: list[str] = []
        after, more = first, True
        while more and len(names) <= SNS_PAGE:
            reply = tx.ask(ListExchanges(after=after, count=SNS_LOOK, kind=FANOUT))
            assert isinstance(reply, Listed), "names are always told"
            names += [name for name in reply.names if spellable(name)]
            after, more = (reply.names or [""])[-1], reply.more
        page = names[:SNS_PAGE]
        answer: Shape = {"Topics": [{"TopicArn": call.topic_arn(name)} for name in page]}
        if len(names) > SNS_PAGE:
            answer["NextToken"] = token_after(page[-1])
        return answer

    return run(program)


def get_topic_attributes(call: Call, given: inputs.OneTopic) -> Script | Fault:
    """All that a topic has."""
    topic = read_topic(given.TopicArn)
    if isinstance(topic, Fault):
        return topic

    pending: list[bool] = []

    def step(tx: Asking, after: int) -> Shape | Fault | int:
        described = find_topic(tx, topic.name)
        if isinstance(described, Fault):
            return described
        some, last = some_subscriptions(tx, topic.name, after, SNS_STEP_LOOK)
        pending.extend(one.pending for one in some if not one.is_over(call.now_ms))
        if last is not None:
            return last
        counts = (pending.count(False), pending.count(True))
        owner = call.config.account
        arn = call.topic_arn(topic.name)
        return {"Attributes": all_attributes(topic.name, arn, owner, described.extras, counts)}

    return run_in_steps(step)


def set_topic_attributes(_call: Call, given: inputs.SetTopicAttributes) -> Script | Fault:
    """One attribute is otherwise; an empty text removes it."""
    topic = read_topic(given.TopicArn)
    if isinstance(topic, Fault):
        return topic
    name, text = given.AttributeName, given.AttributeValue
    if name not in TOPIC_ATTRIBUTES or name == FIFO:
        return bad("AttributeName")
    extras = read_attributes(topic.name, {name: text})
    if isinstance(extras, Fault):
        return extras

    def step(tx: Asking, after: int) -> Shape | Fault | int:
        described = find_topic(tx, topic.name)
        if isinstance(described, Fault):
            return described
        kept: Mapping[str, str] = described.extras
        if not after:
            changes = {one: text or None for one, text in extras.items()}
            changed = tx.ask(ChangeExchange(topic.name, extras=changes))
            if isinstance(changed, Refused):
                return refusal(changed)
            kept = extras
        last = _tell_some(tx, topic, kept, after) if name == DELIVERY else None
        return {} if last is None else last

    return run_in_steps(step)


def _tell_some(tx: Asking, topic: Topic, extras: Mapping[str, str], after: int) -> int | None:
    """The delivery queues of subscriptions without a delivery policy of their own have the
    topic's. Returns after which subscription to go on."""
    policy = policy_for_endpoints(extras)
    some, last = some_subscriptions(tx, topic.name, after, SNS_STEP)
    for one in some:
        if one.protocol in PUSHED and DELIVERY not in one.attributes:
            tx.ask(ChangeQueue(one.target, extras={EXTRA + DELIVERY: policy}))
    return last


def tag_resource(_call: Call, given: inputs.TagResource) -> Script | Fault:
    """Add tags, or give them other values."""
    labels = labels_of(given.Tags)
    return _tagging(given.ResourceArn, dict(labels))


def untag_resource(_call: Call, given: inputs.UntagResource) -> Script | Fault:
    """Remove tags; those that are not there do not matter."""
    return _tagging(given.ResourceArn, dict.fromkeys(given.TagKeys))


def _tagging(arn: str, changes: dict[str, str | None]) -> Script | Fault:
    topic = read_topic(arn, "ResourceArn")
    if isinstance(topic, Fault):
        return topic

    def program(tx: Asking) -> Shape | Fault:
        described = _tagged(tx, topic)
        if isinstance(described, Fault):
            return described
        added = {key: text for key, text in changes.items() if text is not None}
        wrong = bad_tags({**described.labels, **added}) if added else None
        if wrong is not None:
            return wrong
        return done(tx.ask(ChangeExchange(topic.name, labels=changes)))

    return run(program)


def list_tags_for_resource(_call: Call, given: inputs.OneResource) -> Script | Fault:
    """All tags of a topic."""
    topic = read_topic(given.ResourceArn, "ResourceArn")
    if isinstance(topic, Fault):
        return topic

    def program(tx: Asking) -> Shape | Fault:
        described = _tagged(tx, topic)
        if isinstance(described, Fault):
            return described
        return {"Tags": [{"Key": key, "Value": one} for key, one in described.labels.items()]}

    return run(program)


def _tagged(tx: Asking, topic: Topic) -> ExchangeDescribed | Fault:
    described = find_topic(tx, topic.name)
    if isinstance(described, Fault):
        return fault("ResourceNotFound", "Resource does not exist")
    return described
