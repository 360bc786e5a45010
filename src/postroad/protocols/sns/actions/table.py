"""Action name -> what serves it: the index of this package.

The rule kept here: every action of the spec has its row, and there are no others.
"""

from collections.abc import Callable
from typing import Any, Final

from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Script
from postroad.protocols.sns.actions import (
    permissions,
    publish,
    subscription_attributes,
    subscriptions,
    topics,
)
from postroad.protocols.sns.actions.call import Call

ACTIONS: Final[dict[str, Callable[[Call, Any], Script | Fault]]] = {
    "AddPermission": permissions.add_permission,
    "ConfirmSubscription": subscriptions.confirm_subscription,
    "CreateTopic": topics.create_topic,
    "DeleteTopic": topics.delete_topic,
    "GetSubscriptionAttributes": subscription_attributes.get_subscription_attributes,
    "GetTopicAttributes": topics.get_topic_attributes,
    "ListSubscriptions": subscriptions.list_subscriptions,
    "ListSubscriptionsByTopic": subscriptions.list_subscriptions_by_topic,
    "ListTagsForResource": topics.list_tags_for_resource,
    "ListTopics": topics.list_topics,
    "Publish": publish.publish,
    "PublishBatch": publish.publish_batch,
    "RemovePermission": permissions.remove_permission,
    "SetSubscriptionAttributes": subscription_attributes.set_subscription_attributes,
    "SetTopicAttributes": topics.set_topic_attributes,
    "Subscribe": subscriptions.subscribe,
    "TagResource": topics.tag_resource,
    "Unsubscribe": subscriptions.unsubscribe,
    "UntagResource": topics.untag_resource,
}
