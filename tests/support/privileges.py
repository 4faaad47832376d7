"""Who may do what: every right that a function has, and many that none may have, in one table.

What is not ``yes`` is refused. Beside these, each function writes its own log and sends traces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

RIGHTS: Final = """
                                                    api pay conn rtc tick clock tell books ios play live mail sync roll

table/ledger            dynamodb:GetItem            yes yes yes  yes yes  yes   no   yes   no  no   no   no   no   no
table/ledger            dynamodb:BatchGetItem       no  no  no   no  no   no    no   yes   no  no   no   no   no   yes
table/ledger            dynamodb:Query              yes yes yes  yes yes  yes   no   yes   yes yes  no   no   no   yes
table/ledger            dynamodb:PutItem            yes yes yes  yes yes  yes   no   no    yes yes  no   no   no   no
table/ledger            dynamodb:ConditionCheckItem yes yes yes  yes yes  yes   no   no    no  no   no   no   no   no
table/ledger            dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/ledger            dynamodb:DeleteItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/ledger            dynamodb:BatchWriteItem     no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/ledger            dynamodb:Scan               no  no  no   no  no   no    no   yes   no  no   no   no   no   no
stream/ledger           dynamodb:DescribeStream     no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/ledger           dynamodb:GetShardIterator   no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/ledger           dynamodb:GetRecords         no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/ledger           dynamodb:ListStreams        no  no  no   no  no   no    no   no    no  no   no   no   no   yes

table/audit             dynamodb:PutItem            yes yes yes  yes yes  yes   no   yes   yes yes  no   no   yes  no
table/audit             dynamodb:GetItem            no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/audit             dynamodb:Query              no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/audit             dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/audit             dynamodb:DeleteItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/audit             dynamodb:BatchWriteItem     no  no  no   no  no   no    no   no    no  no   no   no   no   no

table/sessions          dynamodb:GetItem            yes no  no   yes yes  yes   no   no    no  no   no   no   no   yes
table/sessions          dynamodb:BatchGetItem       yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/sessions          dynamodb:PutItem            yes no  no   yes yes  yes   no   no    no  no   no   no   no   no
table/sessions          dynamodb:DeleteItem         yes no  no   yes yes  yes   no   no    no  no   no   no   no   no
table/sessions          dynamodb:ConditionCheckItem yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/sessions          dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/sessions          dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/sessions/index/open dynamodb:Query            yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/sessions/index/by_reader dynamodb:Query       yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/sessions/index/pending dynamodb:Query         yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/sessions/index/noted dynamodb:Query           yes no  no   no  yes  yes   no   no    no  no   no   no   no   no

table/wallet            dynamodb:GetItem            yes yes yes  yes yes  yes   no   yes   yes yes  no   no   no   no
table/wallet            dynamodb:BatchGetItem       yes yes no   yes yes  yes   no   yes   no  no   no   no   no   no
table/wallet            dynamodb:Query              yes yes no   yes yes  yes   no   yes   no  no   no   no   no   no
table/wallet            dynamodb:PutItem            yes yes yes  yes yes  yes   no   yes   yes yes  no   no   no   no
table/wallet            dynamodb:ConditionCheckItem no  no  no   no  yes  no    no   no    no  no   no   no   no   no
table/wallet            dynamodb:DeleteItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/wallet/index/due  dynamodb:Query              yes no  no   no  yes  no    no   no    no  no   no   no   no   no

table/accounts          dynamodb:GetItem            yes yes yes  yes yes  yes   yes  no    yes yes  no   no   yes  yes
table/accounts          dynamodb:BatchGetItem       yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/accounts          dynamodb:PutItem            yes no  no   no  yes  yes   yes  no    no  no   no   no   no   no
table/accounts          dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/accounts          dynamodb:ConditionCheckItem yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/accounts          dynamodb:DeleteItem         yes no  no   no  yes  yes   yes  no    no  no   no   no   no   no
table/accounts          dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/accounts/index/due dynamodb:Query             no  no  no   no  yes  no    no   no    no  no   no   no   no   no
stream/accounts         dynamodb:DescribeStream     no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/accounts         dynamodb:GetShardIterator   no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/accounts         dynamodb:GetRecords         no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/accounts         dynamodb:ListStreams        no  no  no   no  no   no    no   no    no  no   no   no   no   yes

table/readers           dynamodb:GetItem            yes no  no   no  yes  yes   yes  no    no  no   no   no   no   no
table/readers           dynamodb:BatchGetItem       yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/readers           dynamodb:Query              yes no  no   no  yes  yes   yes  no    no  no   no   no   no   yes
table/readers           dynamodb:PutItem            yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/readers           dynamodb:DeleteItem         yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/readers           dynamodb:ConditionCheckItem yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/readers/index/by_rate dynamodb:Query          yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/readers/index/waiting dynamodb:Query          yes no  no   no  no   no    no   no    no  no   no   no   no   no
stream/readers          dynamodb:DescribeStream     no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/readers          dynamodb:GetShardIterator   no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/readers          dynamodb:GetRecords         no  no  no   no  no   no    no   no    no  no   no   no   no   yes
stream/readers          dynamodb:ListStreams        no  no  no   no  no   no    no   no    no  no   no   no   no   yes

table/scheduling        dynamodb:GetItem            yes no  no   no  yes  yes   no   no    no  no   no   no   no   yes
table/scheduling        dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/scheduling        dynamodb:PutItem            yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/scheduling        dynamodb:DeleteItem         yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/scheduling        dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/scheduling/index/due dynamodb:Query           no  no  no   no  yes  no    no   no    no  no   no   no   no   no

table/live              dynamodb:GetItem            yes no  no   yes yes  yes   no   no    no  no   no   no   no   yes
table/live              dynamodb:BatchGetItem       yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/live              dynamodb:Query              yes no  no   yes yes  yes   no   no    no  no   no   no   no   no
table/live              dynamodb:PutItem            yes no  no   yes yes  yes   no   no    no  no   no   no   no   no
table/live              dynamodb:DeleteItem         yes no  no   yes yes  yes   no   no    no  no   no   no   no   no
table/live              dynamodb:ConditionCheckItem yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/live              dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/live              dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/live/index/due    dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/live/index/listed dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/live/index/leaders dynamodb:Query             yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
stream/live             dynamodb:DescribeStream     no  no  no   no  no   no    no   no    no  no   yes  no   no   no
stream/live             dynamodb:GetShardIterator   no  no  no   no  no   no    no   no    no  no   yes  no   no   no
stream/live             dynamodb:GetRecords         no  no  no   no  no   no    no   no    no  no   yes  no   no   no
stream/live             dynamodb:ListStreams        no  no  no   no  no   no    no   no    no  no   yes  no   no   no

table/notices           dynamodb:PutItem            yes yes yes  yes yes  yes   yes  no    yes yes  no   no   yes  no
table/notices           dynamodb:GetItem            no  no  no   no  no   no    yes  no    no  no   no   no   no   no
table/notices           dynamodb:DeleteItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
stream/notices          dynamodb:DescribeStream     no  no  no   no  no   no    yes  no    no  no   no   no   no   no
stream/notices          dynamodb:GetShardIterator   no  no  no   no  no   no    yes  no    no  no   no   no   no   no
stream/notices          dynamodb:GetRecords         no  no  no   no  no   no    yes  no    no  no   no   no   no   no
stream/notices          dynamodb:ListStreams        no  no  no   no  no   no    yes  no    no  no   no   no   no   no

table/messaging         dynamodb:GetItem            yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/messaging         dynamodb:BatchGetItem       yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/messaging         dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/messaging         dynamodb:PutItem            yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/messaging         dynamodb:DeleteItem         yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/messaging         dynamodb:ConditionCheckItem yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/messaging         dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/messaging         dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/messaging/index/client_recent dynamodb:Query  yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/messaging/index/reader_recent dynamodb:Query  yes no  no   no  yes  yes   no   no    no  no   no   no   no   no

table/community         dynamodb:GetItem            yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/community         dynamodb:BatchGetItem       yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/community         dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/community         dynamodb:PutItem            yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/community         dynamodb:DeleteItem         yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/community         dynamodb:ConditionCheckItem yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/community         dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/community         dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/community/index/in_category dynamodb:Query    yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/community/index/by_author dynamodb:Query      yes no  no   no  yes  yes   no   no    no  no   no   no   no   no

table/moderation        dynamodb:GetItem            yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/moderation        dynamodb:BatchGetItem       yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/moderation        dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
table/moderation        dynamodb:PutItem            yes no  no   no  yes  no    no   no    no  no   no   no   no   no
table/moderation        dynamodb:DeleteItem         yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/moderation        dynamodb:ConditionCheckItem yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/moderation        dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/moderation        dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/moderation/index/queue dynamodb:Query         yes no  no   no  yes  no    no   no    no  no   no   no   no   no

table/shop              dynamodb:GetItem            yes yes yes  no  yes  yes   no   no    no  no   no   no   yes  yes
table/shop              dynamodb:BatchGetItem       yes yes yes  no  yes  yes   no   no    no  no   no   no   yes  no
table/shop              dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   yes  no
table/shop              dynamodb:PutItem            yes yes yes  no  yes  yes   no   no    no  no   no   no   yes  no
table/shop              dynamodb:DeleteItem         yes yes yes  no  yes  yes   no   no    no  no   no   no   yes  no
table/shop              dynamodb:ConditionCheckItem yes yes yes  no  yes  yes   no   no    no  no   no   no   no   no
table/shop              dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/shop              dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/shop/index/due    dynamodb:Query              yes no  no   no  yes  yes   no   no    no  no   no   no   yes  no
table/shop/index/on_sale dynamodb:Query             yes no  no   no  yes  yes   no   no    no  no   no   no   yes  no
table/shop/index/of_seller dynamodb:Query           yes no  no   no  yes  yes   no   no    no  no   no   no   yes  no
table/shop/index/of_buyer dynamodb:Query            yes no  no   no  yes  yes   no   no    no  no   no   no   yes  no
table/shop/index/to_ship dynamodb:Query             yes no  no   no  yes  yes   no   no    no  no   no   no   yes  no

table/rollups           dynamodb:GetItem            yes no  no   no  no   no    no   no    no  no   no   no   no   yes
table/rollups           dynamodb:BatchGetItem       yes no  no   no  no   no    no   no    no  no   no   no   no   yes
table/rollups           dynamodb:Query              yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/rollups           dynamodb:PutItem            no  no  no   no  no   no    no   no    no  no   no   no   no   yes
table/rollups           dynamodb:DeleteItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/rollups           dynamodb:ConditionCheckItem no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/rollups           dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/rollups           dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no

table/inbox             dynamodb:GetItem            yes no  no   no  yes  yes   yes  no    no  no   no   yes  no   no
table/inbox             dynamodb:Query              yes no  no   no  yes  yes   yes  no    no  no   no   no   no   no
table/inbox             dynamodb:BatchGetItem       yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/inbox             dynamodb:PutItem            yes no  no   no  yes  yes   yes  no    no  no   no   yes  no   no
table/inbox             dynamodb:DeleteItem         yes no  no   no  yes  yes   yes  no    no  no   no   no   no   no
table/inbox             dynamodb:UpdateItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/inbox             dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no

table/limits            dynamodb:GetItem            no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/limits            dynamodb:PutItem            yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/limits            dynamodb:DeleteItem         no  no  no   no  no   no    no   no    no  no   no   no   no   no
table/limits            dynamodb:Scan               no  no  no   no  no   no    no   no    no  no   no   no   no   no

table/idempotency       dynamodb:GetItem            yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/idempotency       dynamodb:PutItem            yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/idempotency       dynamodb:UpdateItem         yes no  no   no  no   no    no   no    no  no   no   no   no   no
table/idempotency       dynamodb:DeleteItem         yes no  no   no  no   no    no   no    no  no   no   no   no   no

secret:stripe           secretsmanager:GetSecretValue yes yes yes  no  yes  yes   no   yes   no  no   no   no   yes  no
secret:stripe_connect   secretsmanager:GetSecretValue no  no  yes  no  no   no    no   no    no  no   no   no   no   no
secret:agora            secretsmanager:GetSecretValue yes no  no   no  no   no    no   no    no  no   no   no   no   no
secret:agora_rest       secretsmanager:GetSecretValue yes no  no   yes yes  yes   no   no    no  no   yes  no   no   no
secret:agora_notices    secretsmanager:GetSecretValue no  no  no   yes no   no    no   no    no  no   no   no   no   no
secret:apple            secretsmanager:GetSecretValue yes no  no   no  yes  no    no   no    yes no   no   no   no   no
secret:google           secretsmanager:GetSecretValue yes no  no   no  yes  no    no   no    no  yes  no   no   no   no
secret:unsubscribe      secretsmanager:GetSecretValue yes no  no   no  no   no    yes  no    no  no   no   no   no   no
secret:stripe           secretsmanager:PutSecretValue no  no  no   no  no   no    no   no    no  no   no   no   no   no

objects/exports         s3:GetObject                yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
objects/exports         s3:PutObject                no  no  no   no  yes  yes   no   no    no  no   no   no   no   no
objects/exports         s3:DeleteObject             no  no  no   no  yes  yes   no   no    no  no   no   no   no   no
objects/pictures        s3:GetObject                yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
objects/pictures        s3:PutObject                yes no  no   no  no   no    no   no    no  no   no   no   no   no
objects/pictures        s3:DeleteObject             yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
objects/attachments     s3:GetObject                yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
objects/attachments     s3:PutObject                yes no  no   no  no   no    no   no    no  no   no   no   no   no
objects/attachments     s3:DeleteObject             yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
objects/files           s3:GetObject                yes no  no   no  no   no    no   no    no  no   no   no   no   no
objects/files           s3:PutObject                yes no  no   no  no   no    no   no    no  no   no   no   no   no
objects/files           s3:DeleteObject             yes no  no   no  no   no    no   no    no  no   no   no   no   no
bucket/exports          s3:ListBucket               no  no  no   no  yes  yes   no   no    no  no   no   no   no   no
bucket/pictures         s3:ListBucket               yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
bucket/attachments      s3:ListBucket               yes no  no   no  yes  yes   no   no    no  no   no   no   no   no
bucket/files            s3:ListBucket               yes no  no   no  no   no    no   no    no  no   no   no   no   no
objects/digests         s3:GetObject                no  no  no   no  no   no    no   yes   no  no   no   no   no   no
objects/digests         s3:PutObject                no  no  no   no  no   no    no   yes   no  no   no   no   no   no
objects/digests         s3:DeleteObject             no  no  no   no  no   no    no   no    no  no   no   no   no   no
leaving/digests         s3:PutObject                yes no  no   no  yes  yes   no   yes   no  no   no   no   no   no
leaving/digests         s3:GetObject                no  no  no   no  no   no    no   yes   no  no   no   no   no   no
leaving/digests         s3:DeleteObject             no  no  no   no  no   no    no   no    no  no   no   no   no   no
bucket/digests          s3:ListBucket               no  no  no   no  no   no    no   yes   no  no   no   no   no   no
identity/any            ses:SendEmail               yes no  no   no  yes  yes   yes  no    no  no   no   no   no   no

stateMachine:clock      states:StartExecution       yes yes no   yes yes  yes   no   no    no  no   no   no   no   no
function:billing_tick   lambda:InvokeFunction       no  no  no   no  yes  no    no   no    no  no   no   no   no   no
function:reconcile      lambda:InvokeFunction       no  no  no   no  no   no    no   yes   no  no   no   no   no   no
function:sync_catalogue lambda:InvokeFunction       no  no  no   no  no   no    no   no    no  no   no   no   yes  no
function:clock          lambda:InvokeFunction       no  no  no   no  no   no    no   no    no  no   no   no   no   no
function:api            lambda:UpdateFunctionCode   no  no  no   no  no   no    no   no    no  no   no   no   no   no
queue:dead-letters      sqs:SendMessage             no  no  no   no  yes  no    yes  yes   no  no   yes  yes  yes  yes
queue:dead-letters      sqs:ReceiveMessage          no  no  no   no  no   no    no   no    no  no   no   no   no   no
queue:untold            sqs:SendMessage             no  no  no   no  no   no    yes  no    no  no   no   no   no   no
queue:untold            sqs:ReceiveMessage          no  no  no   no  no   no    yes  no    no  no   no   no   no   no
queue:untold            sqs:DeleteMessage           no  no  no   no  no   no    yes  no    no  no   no   no   no   no
queue:untold            sqs:GetQueueAttributes      no  no  no   no  no   no    yes  no    no  no   no   no   no   no
topic:alarms            sns:Publish                 no  no  no   no  no   no    no   no    no  no   no   no   no   no
topic:mail-events       sns:Publish                 no  no  no   no  no   no    no   no    no  no   no   no   no   no
application/any         sns:CreatePlatformEndpoint  no  no  no   no  no   no    yes  no    no  no   no   no   no   no
application/any         sns:SetEndpointAttributes   no  no  no   no  no   no    yes  no    no  no   no   no   no   no
application/any         sns:DeleteEndpoint          no  no  no   no  no   no    yes  no    no  no   no   no   no   no
app/APNS/soulseer/a     sns:Publish                 no  no  no   no  no   no    yes  no    no  no   no   no   no   no
endpoint/APNS/soulseer/a sns:Publish                no  no  no   no  no   no    yes  no    no  no   no   no   no   no
"""


@dataclass(frozen=True, slots=True)
class Right:
    resource: str
    """As the table names it: ``kind/name`` or ``kind:name``."""
    action: str

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"

    def arn(self, stage: str = "dev", region: str = "us-east-1", account: str = "000000000000") -> str:
        """Of the resource, as a policy is asked about it."""
        kind, name = re.split("[/:]", self.resource, maxsplit=1)
        return _ARNS[kind].format(name=name, stage=stage, account=account, place=f"{region}:{account}")


_ARNS: Final = {
    "table": "arn:aws:dynamodb:{place}:table/soulseer-{stage}-{name}",
    "stream": "arn:aws:dynamodb:{place}:table/soulseer-{stage}-{name}/stream/2026-11-25T00:00:00.000",
    "bucket": "arn:aws:s3:::soulseer-{stage}-{name}-{account}",
    "objects": "arn:aws:s3:::soulseer-{stage}-{name}-{account}/a-key",
    "leaving": "arn:aws:s3:::soulseer-{stage}-{name}-{account}/leaving/a-key",
    "identity": "*",
    "secret": "arn:aws:secretsmanager:{place}:secret:soulseer/{stage}/{name}-a1B2c3",
    "stateMachine": "arn:aws:states:{place}:stateMachine:soulseer-{stage}-{name}",
    "function": "arn:aws:lambda:{place}:function:soulseer-{stage}-{name}",
    "queue": "arn:aws:sqs:{place}:soulseer-{stage}-{name}",
    "topic": "arn:aws:sns:{place}:soulseer-{stage}-{name}",
    "application": "*",
    # The local AWS names endpoints below their application.
    "app": "arn:aws:sns:{place}:app/{name}",
    "endpoint": "arn:aws:sns:{place}:endpoint/{name}",
}
"""How each kind of thing is named on AWS."""


_COLUMNS: Final = {
    "pay": "stripe_webhook",
    "conn": "stripe_connect_webhook",
    "rtc": "agora_webhook",
    "ios": "apple_webhook",
    "play": "google_webhook",
    "live": "live_signals",
    "tick": "billing_tick",
    "tell": "notify",
    "books": "reconcile",
    "mail": "mail_events",
    "sync": "sync_catalogue",
    "roll": "rollup",
}
"""The functions whose names are longer than their columns."""


def _read() -> dict[str, dict[Right, bool]]:
    heading, *rows = (line.split() for line in RIGHTS.splitlines() if line)
    heading = [_COLUMNS.get(column, column) for column in heading]
    found: dict[str, dict[Right, bool]] = {function: {} for function in heading}
    for resource, action, *cells in rows:
        for function, cell in zip(heading, cells, strict=True):
            found[function][Right(resource, action)] = {"yes": True, "no": False}[cell]
    return found


BY_FUNCTION: Final = _read()
"""For each function, each right of the table and whether it has it."""
