"""A page of a statement over HTTP, of whichever account: JSON, or CSV when that is asked for."""

from chalicelib.gateways import world
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Text
from chalicelib.runtime.schemas import ListQuery, PageOf
from chalicelib.wallet import statement
from chalicelib.wallet.schemas import EntryView, csv_of, entry_view


def statement_page(account: str, query: ListQuery, accept: str, asked: str = "") -> PageOf[EntryView] | Text:
    """The page of ``account``, newest first, that ``query`` asks for. Raises Invalid for another list's cursor.

    Of CSV, the header ``Link`` leads to the following page; ``asked`` is what its query must hold besides limit and
    cursor, with a ``&`` at its end.
    """
    start = cursors.decode(query.cursor, account, {"account": account, "seq": str}) if query.cursor else None
    entries, following = statement.page(world(), account, query.limit, start)
    views = [entry_view(entry) for entry in entries]
    cursor = cursors.encode(following, account) if following else None
    if "text/csv" in accept:
        more = f'<?{asked}limit={query.limit}&cursor={cursor}>; rel="next"'
        return Text(csv_of(views), "text/csv", {"Link": more} if cursor else {})
    return PageOf[EntryView](items=views, next_cursor=cursor)
