"""Who may do what: every right that a function has, and many that none may have, in one table.

What is not ``yes`` is refused. Beside these, each function writes its own log and sends traces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RIGHTS: Final = """
                                                           api   stripe_webhook  agora_webhook  billing_tick  clock

table/ledger               dynamodb:GetItem                yes   yes             yes            yes           yes
table/ledger               dynamodb:Query                  yes   yes             yes            yes           yes
table/ledger               dynamodb:PutItem                yes   yes             yes            yes           yes
table/ledger               dynamodb:ConditionCheckItem     yes   yes             yes            yes           yes
table/ledger               dynamodb:UpdateItem             no    no              no             no            no
table/ledger               dynamodb:DeleteItem             no    no              no             no            no
table/ledger               dynamodb:BatchWriteItem         no    no              no             no            no
table/ledger               dynamodb:Scan                   no    no              no             no            no

table/audit                dynamodb:PutItem                yes   no              yes            yes           yes
table/audit                dynamodb:GetItem                no    no              no             no            no
table/audit                dynamodb:Query                  no    no              no             no            no
table/audit                dynamodb:UpdateItem             no    no              no             no            no
table/audit                dynamodb:DeleteItem             no    no              no             no            no
table/audit                dynamodb:BatchWriteItem         no    no              no             no            no

table/sessions             dynamodb:GetItem                yes   no              yes            yes           yes
table/sessions             dynamodb:BatchGetItem           yes   no              no             no            no
table/sessions             dynamodb:PutItem                yes   no              yes            yes           yes
table/sessions             dynamodb:DeleteItem             yes   no              yes            yes           yes
table/sessions             dynamodb:UpdateItem             no    no              no             no            no
table/sessions             dynamodb:Scan                   no    no              no             no            no
table/sessions/index/open  dynamodb:Query                  yes   no              no             yes           no

table/wallet               dynamodb:GetItem                yes   yes             no             no            no
table/wallet               dynamodb:PutItem                yes   yes             no             no            no
table/wallet               dynamodb:DeleteItem             no    no              no             no            no

table/accounts             dynamodb:GetItem                yes   no              no             no            no
table/accounts             dynamodb:PutItem                yes   no              no             no            no
table/accounts             dynamodb:DeleteItem             no    no              no             no            no
table/accounts             dynamodb:Scan                   no    no              no             no            no

table/readers              dynamodb:GetItem                yes   no              no             no            no
table/readers              dynamodb:BatchGetItem           yes   no              no             no            no
table/readers              dynamodb:Query                  yes   no              no             no            no
table/readers              dynamodb:PutItem                yes   no              no             no            no
table/readers              dynamodb:DeleteItem             yes   no              no             no            no
table/readers              dynamodb:ConditionCheckItem     yes   no              no             no            no
table/readers/index/by_rate dynamodb:Query                 yes   no              no             no            no

table/idempotency          dynamodb:GetItem                yes   no              no             no            no
table/idempotency          dynamodb:PutItem                yes   no              no             no            no
table/idempotency          dynamodb:UpdateItem             yes   no              no             no            no
table/idempotency          dynamodb:DeleteItem             yes   no              no             no            no

secret:stripe              secretsmanager:GetSecretValue   yes   yes             no             no            no
secret:agora               secretsmanager:GetSecretValue   yes   no              no             no            no
secret:agora_rest          secretsmanager:GetSecretValue   yes   no              yes            yes           yes
secret:agora_notices       secretsmanager:GetSecretValue   no    no              yes            no            no
secret:stripe              secretsmanager:PutSecretValue   no    no              no             no            no

stateMachine:clock         states:StartExecution           yes   no              yes            yes           yes
function:billing_tick      lambda:InvokeFunction           no    no              no             yes           no
function:clock             lambda:InvokeFunction           no    no              no             no            no
function:api               lambda:UpdateFunctionCode       no    no              no             no            no
queue:dead-letters         sqs:SendMessage                 no    no              no             yes           no
queue:dead-letters         sqs:ReceiveMessage              no    no              no             no            no
topic:alarms               sns:Publish                     no    no              no             no            no
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
        kind, name = self.resource.replace("/", ":", 1).split(":")
        place = f"{region}:{account}"
        match kind:
            case "table":
                return f"arn:aws:dynamodb:{place}:table/soulseer-{stage}-{name}"
            case "secret":
                return f"arn:aws:secretsmanager:{place}:secret:soulseer/{stage}/{name}-a1B2c3"
            case "stateMachine":
                return f"arn:aws:states:{place}:stateMachine:soulseer-{stage}-{name}"
            case "function":
                return f"arn:aws:lambda:{place}:function:soulseer-{stage}-{name}"
            case "queue":
                return f"arn:aws:sqs:{place}:soulseer-{stage}-{name}"
            case "topic":
                return f"arn:aws:sns:{place}:soulseer-{stage}-{name}"
        raise ValueError(f"{self.resource} is nothing that the table knows")


def _read() -> dict[str, dict[Right, bool]]:
    heading, *rows = (line.split() for line in RIGHTS.splitlines() if line)
    found: dict[str, dict[Right, bool]] = {function: {} for function in heading}
    for resource, action, *cells in rows:
        for function, cell in zip(heading, cells, strict=True):
            found[function][Right(resource, action)] = {"yes": True, "no": False}[cell]
    return found


BY_FUNCTION: Final = _read()
"""For each function, each right of the table and whether it has it."""
