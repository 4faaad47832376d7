"""Files that people send: uploaded by a form, looked at, and only then beside a message or a post.

A form writes below ``uploads/``, whence everything goes by itself after a day. What is taken up is a copy where no form
reaches. Whoever may read the message or the post gets a link; it gives the file to be kept, never to be shown as a
page, so that nothing that a person sent runs in our name.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

from chalicelib.accounts.model.attachment import ENDINGS, MOST_BYTES, Attachment, AttachmentType, chosen, file_name
from chalicelib.gateways import World, objects
from chalicelib.gateways.objects import UploadForm
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import SECOND, Millis

FORM_SECONDS: Final = 600
LINK_SECONDS: Final = 900


def form(world: World, person: str, media_type: AttachmentType, size: int) -> tuple[str, UploadForm, Millis]:
    """The id of a new upload, the form that takes up to ``size`` bytes of it, and until when. Nothing is stored."""
    now = world.now()
    upload = new_id("upl", now)
    taken = world.attachments.upload_form(_upload_key(person, upload), media_type, size, FORM_SECONDS)
    return upload, taken, now + FORM_SECONDS * SECOND


def take_up(world: World, person: str, uploads: Sequence[str], place: str) -> tuple[Attachment, ...]:
    """Keep what the person uploaded at ``place``, which is one message's or post's alone, before that is written.

    May be repeated, and is the same then: what was taken up does not change, whatever is posted to the form. What was
    taken up for a message that was never written is shown to nobody; ``place`` names the person, so that it is found
    when they are forgotten. Raises NotFound (not uploaded, or by somebody else, or over a day ago), Invalid (more than
    four, too large, or by its first bytes not what it was said to be), Unavailable, ProviderFailed.
    """
    taken = []
    for upload in chosen(uploads):
        size, media_type = objects.take_up(
            world.attachments, _upload_key(person, upload), f"{place}/{upload}", MOST_BYTES, tuple(ENDINGS), "uploads"
        )
        taken.append(Attachment(upload, media_type, size))
    return tuple(taken)


def link(world: World, place: str, attachment: Attachment) -> str:
    """An address that gives the file, to be kept, for a quarter of an hour, to whoever has it."""
    return world.attachments.download(
        f"{place}/{attachment.id}", LINK_SECONDS, file_name(attachment), attachment.media_type
    )


def drop(world: World, place: str) -> None:
    """Remove all that was taken up there. May be repeated. Raises Unavailable, ProviderFailed."""
    world.attachments.delete_below(f"{place}/")


def sweep(world: World, prefix: str, kept: Callable[[str], bool], limit: int, start: str | None) -> str | None:
    """Remove a page of the files below ``prefix`` but those of which it is ``kept`` what they are beside, by its id;
    answer where the next page starts. May be repeated. Raises Unavailable, ProviderFailed.

    It also finds what was taken up for something that was never written.
    """
    page = world.attachments.below(f"{prefix}/", start or "", limit)
    by_thing = groupby(page, lambda key: key.removeprefix(f"{prefix}/").partition("/")[0])
    for thing, keys in by_thing:
        if not kept(thing):
            for key in keys:
                world.attachments.delete(key)
    return page[-1] if len(page) == limit else None


def forget(world: World, person: str) -> None:
    """Remove what a deleted person uploaded, taken up or not. May be repeated. Raises Unavailable, ProviderFailed."""
    world.attachments.delete_below(_upload_key(person, ""))


def _upload_key(person: str, upload: str) -> str:
    return f"uploads/{person}/{upload}"
