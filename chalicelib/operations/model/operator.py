"""Who is behind an identity at AWS, as far as its name proves it. Pure.

An IAM user is a person. So is a session of a role that IAM Identity Center made, whatever permission set it is of: the
directory names it. Any other role is taken for one person, whatever its sessions are called: who assumes it chooses the
name. Root and whatever else there is are taken for one person an account.
"""

from typing import Final

_CENTER: Final = "awsreservedsso_"
_PLACES: Final = 6


def person(arn: str) -> str:
    """The same word for identities that may be of one person. Who has two that are not alike, no name tells."""
    parts = arn.lower().split(":", _PLACES - 1)
    if len(parts) < _PLACES:
        return arn.lower()
    _, _, service, _, account, resource = parts
    kind, _, name = resource.partition("/")
    if service == "iam" and kind == "user":
        return f"user:{account}:{name.rpartition('/')[2]}"
    if service == "sts" and kind == "assumed-role":
        role, _, session = name.partition("/")
        return f"sso:{session}" if role.startswith(_CENTER) else f"role:{account}:{role}"
    return f"account:{account}"


def same(one: str, other: str) -> bool:
    """Whether two identities may be of one person."""
    return person(one) == person(other)
