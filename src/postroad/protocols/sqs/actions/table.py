"""Action name -> the generator that serves it: the index of this package.

The rule kept here: every action of the spec has its row, and there are no others.
"""

from collections.abc import Callable
from typing import Any, Final

from postroad.protocols.aws.session import Script
from postroad.protocols.sqs.actions import (
    permissions,
    queues,
    receive,
    redrive,
    send,
    settle,
    tags,
)
from postroad.protocols.sqs.actions.call import Call

ACTIONS: Final[dict[str, Callable[[Call, Any], Script]]] = {
    "AddPermission": permissions.add_permission,
    "CancelMessageMoveTask": redrive.cancel_message_move_task,
    "ChangeMessageVisibility": settle.change_message_visibility,
    "ChangeMessageVisibilityBatch": settle.change_message_visibility_batch,
    "CreateQueue": queues.create_queue,
    "DeleteMessage": settle.delete_message,
    "DeleteMessageBatch": settle.delete_message_batch,
    "DeleteQueue": queues.delete_queue,
    "GetQueueAttributes": queues.get_queue_attributes,
    "GetQueueUrl": queues.get_queue_url,
    "ListDeadLetterSourceQueues": redrive.list_dead_letter_source_queues,
    "ListMessageMoveTasks": redrive.list_message_move_tasks,
    "ListQueueTags": tags.list_queue_tags,
    "ListQueues": queues.list_queues,
    "PurgeQueue": queues.purge_queue,
    "ReceiveMessage": receive.receive_message,
    "RemovePermission": permissions.remove_permission,
    "SendMessage": send.send_message,
    "SendMessageBatch": send.send_message_batch,
    "SetQueueAttributes": queues.set_queue_attributes,
    "StartMessageMoveTask": redrive.start_message_move_task,
    "TagQueue": tags.tag_queue,
    "UntagQueue": tags.untag_queue,
}
