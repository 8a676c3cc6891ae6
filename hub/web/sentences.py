"""What the hub says in English, above all when it refuses something, in the visitor's language.

Commands speak to programs too, so they speak one language; the portal knows their sentences and says them again.
"""

import re
from collections.abc import Mapping
from functools import lru_cache, reduce
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from hub.web import told
from hub.web.templatetags.words import word

_SENTENCES: Final = (
    gettext_noop("There is no dataset %(key)s."),
    gettext_noop("%(dataset)s has no field %(field)s."),
    gettext_noop("There is no agency %(code)s."),
    gettext_noop("Give either url or mail."),
    gettext_noop("url is an http or https address without user and fragment."),
    gettext_noop("Mails go to people of %(agency)s alone."),
    gettext_noop("Say what to tell of."),
    gettext_noop("dataset.schema is for at most %(count)s datasets: name an agency or a dataset."),
    gettext_noop("There are %(count)s subscriptions of yours."),
    gettext_noop("End some first."),
    gettext_noop("There is no group %(key)s."),
    gettext_noop("There is no client %(name)s."),
    gettext_noop("There is no field %(name)s."),
    gettext_noop("%(agency)s has no client %(names)s."),
    gettext_noop("The key %(key)s is taken."),
    gettext_noop("A field of type %(type)s cannot be shown so: %(access)s."),
    gettext_noop("A rule on a field says in which form it is shown."),
    gettext_noop("Only a rule on a field has an access."),
    gettext_noop("Only a permit has modes."),
    gettext_noop("Only a rule on one dataset has a filter."),
    gettext_noop("A firm rule only limits; a permit is never firm."),
    gettext_noop("Under the regime %(name)s this needs a legal basis (%(what)s): %(kinds)s."),
    gettext_noop("Under the regime %(name)s this (%(what)s) does not rest on %(kind)s: %(kinds)s."),
    gettext_noop("What is granted has an end."),
    gettext_noop("There is no field: name those that are wanted."),
    gettext_noop("%(fields)s: personal or sensitive. Cite the assessment on which this is opened."),
    gettext_noop("%(dataset)s is %(class)s: there an agreement gives accesses to fields alone."),
    gettext_noop("%(name)s was not asked for in this form."),
    gettext_noop("Passing the data on was not asked for."),
    gettext_noop("More modes than were asked for."),
    gettext_noop("%(dataset)s is your own."),
    gettext_noop("There is nothing to apply for."),
    gettext_noop("%(dataset)s is %(state)s."),
    gettext_noop("Ask its owner about the legal basis that it names."),
    gettext_noop("More was asked for already, and that is done once."),
    gettext_noop("Agree, or refuse."),
    gettext_noop("The application is %(state)s."),
    gettext_noop("Look at it again."),
    gettext_noop("The rule %(key)s is %(state)s, not a draft."),
    gettext_noop("The rule %(key)s is %(state)s, not in force."),
    gettext_noop("The rule %(key)s is %(state)s."),
    gettext_noop("Draft a new one, and retire this one."),
    gettext_noop("Draft a new one."),
    gettext_noop("A draft is changed by its author alone."),
    gettext_noop("Draft a rule of your own."),
    gettext_noop("%(what)s takes another person than %(first)s."),
    gettext_noop("Ask another reviewer."),
    gettext_noop("Rules on the data of %(agency)s are written by its own publishers."),
    gettext_noop("Rules on the whole catalogue are the authority's."),
    gettext_noop("Ask for the role authority."),
    gettext_noop("Whoever belongs to %(agency)s does not grant it access."),
    gettext_noop("Applications are for the requesters of %(agency)s."),
    gettext_noop("Ask for the role requester."),
    gettext_noop("%(what)s is for the hub's administrators."),
    gettext_noop("Ask for the platform role system."),
    gettext_noop("%(what)s is for the reviewers of %(agency)s."),
    gettext_noop("Ask for the role %(role)s in %(agency)s."),
    gettext_noop("%(roles)s is given and taken by the hub's administrators."),
    gettext_noop("Yours to give: %(roles)s."),
    gettext_noop("Only who administers %(dataset)s may ask for others."),
    gettext_noop("A name has %(least)s to %(most)s characters."),
    gettext_noop("There is already an agency %(code)s."),
    gettext_noop("%(address)s is no mail address."),
    gettext_noop("There is no role %(role)s; there are %(roles)s."),
    gettext_noop("A token lives for at least a moment and at most ten years."),
    gettext_noop("%(scope)s is no scope: %(rule)s."),
    gettext_noop("The token has ended; there is nothing to rotate."),
    gettext_noop("Issue a new one."),
    gettext_noop("This link is not good any more."),
    gettext_noop("Ask for a new one; a link works once, for some days."),
    gettext_noop("Inviting people"),
    gettext_noop("Removing people"),
    gettext_noop("Issuing tokens"),
    gettext_noop("Revoking tokens"),
    gettext_noop("Making clients"),
    gettext_noop("Making agencies"),
    gettext_noop("Switching agencies off"),
    gettext_noop("Approving a rule"),
    gettext_noop("Approving and retiring rules"),
    gettext_noop("Answering applications"),
    gettext_noop("Granting access"),
    gettext_noop("Ending agreements"),
    gettext_noop("Apply to %(agency)s to see in clear: %(fields)s."),
    gettext_noop("Name an agreement of yours that is in force and about %(dataset)s, or none."),
    gettext_noop("The data is the caller's own agency's."),
    gettext_noop("The dataset is retired and gives no rows."),
    gettext_noop("The agreement is not the caller's, not in force or not about this dataset."),
    # What is wrong with a filter.
    gettext_noop("There is no field %(name)s"),
    gettext_noop("%(value)s is no text; LIKE and CASEI work on texts only"),
    gettext_noop("%(left)s and %(right)s cannot be compared so"),
    gettext_noop("Not a date"),
    gettext_noop("Not a point in time"),
    gettext_noop("A text in single quotes does not end"),
    gettext_noop("Write ' within it as ''."),
    gettext_noop("A name in double quotes is empty or does not end"),
    gettext_noop("Unexpected %(found)s; expected %(one_of)s"),
    gettext_noop("The filter ends too early; expected %(one_of)s"),
    gettext_noop("Unexpected %(found)s"),
    gettext_noop("The filter ends too early"),
    gettext_noop("%(value)s is no time of day"),
    gettext_noop("Write a text as %(so)s."),
    gettext_noop("Write a date as %(so)s."),
    gettext_noop("Write a point in time as %(so)s."),
    gettext_noop("Write a time of day as %(so)s."),
    gettext_noop("Write TRUE or FALSE, with = or <>."),
    gettext_noop("Only IS NULL and IS NOT NULL can be asked of it."),
    gettext_noop("Write %(so)s."),
    gettext_noop("a comparison"),
    gettext_noop("a field"),
    gettext_noop("a value"),
    gettext_noop("a text in single quotes"),
    gettext_noop("the end"),
    # What a rule's author is told of it.
    gettext_noop("The group %(key)s has no agency in it."),
    gettext_noop("The filter is true for none of %(rows)s rows."),
    gettext_noop("The filter is true for every one of %(rows)s rows."),
    gettext_noop(
        "In %(some)s of %(rows)s rows a value is missing, so that the filter is not decided: it does not admit them."
    ),
    gettext_noop("No text in %(field)s is longer than %(length)s: all of them stay whole."),
    gettext_noop("%(dataset)s has no field %(field)s any more."),
    gettext_noop("%(field)s cannot be shown so any more; it is hidden."),
    gettext_noop("The filter cannot be read any more and admits no row: %(why)s"),
    gettext_noop("The filter cannot be read any more and takes every row: %(why)s"),
    gettext_noop("The filter or access cannot be read any more and counts at its strictest."),
)
# What the portal says in words of its own, which have the hint in them.
_OTHERWISE: Final = {
    "In %(some)s of %(rows)s rows %(why)s: it takes away them.": gettext_noop(
        "In %(some)s of %(rows)s rows a value is missing, so that the filter is not decided: it takes them away."
    ),
    "%(name)s is missing.": gettext_noop("This is missing."),
    "%(name)s has at most %(most)s characters.": gettext_noop("This has at most %(most)s characters."),
    "%(later)s is later than %(earlier)s.": gettext_noop("This comes after the beginning."),
    "valid_to is later than what was asked for.": gettext_noop("This is later than what was asked for."),
    "valid_to is over already.": gettext_noop("This is over already."),
    "%(name)s is a moment with its zone, such as %(example)s.": gettext_noop(
        "This is no moment: year, month, day and time."
    ),
    "%(key)s is no key: letters, digits, and . _ - between them.": gettext_noop(
        "A key has letters and digits, with . _ and - between them."
    ),
    "%(text)s is no party.": gettext_noop("Write everyone, group:…, agency:… or client:…/…."),
    "%(text)s is no target.": gettext_noop("Write *, agency.*, agency.dataset or agency.dataset#field."),
    "A rule on a field has an access, no %(key)s.": gettext_noop(
        "A rule on a field is only shown in a form; leave this out."
    ),
    'The effect is "permit" or "prohibit".': gettext_noop("Say whether it permits or prohibits."),
    "round cannot be to %(to)s. Write %(so)s": gettext_noop(
        "Say beside it to what it is rounded, such as 1000 or month."
    ),
    "%(access)s is not an access. Write %(so)s": gettext_noop(
        "Say beside it how many characters at both ends are shown, such as 3,4."
    ),
}
_SENTENCES_END: Final = re.compile(r"(?<=\.) (?=[A-Z])")
_PLACE: Final = re.compile(r"(?P<before>.*?) \(character (?P<at>\d+)\)(?P<after>.*)", re.DOTALL)


def said(sentence: str, hint: str = "") -> str:
    """``sentence``, and its hint, in the visitor's language; what is not known here stays as it is."""
    told_so = _said(sentence)
    known = _known(sentence)
    has_hint = known is not None and known[0] in _OTHERWISE.values()
    return told_so if has_hint or not hint else f"{told_so} {_said(hint)}"


def _said(sentence: str) -> str:
    placed = _PLACE.fullmatch(sentence)
    if placed is not None:
        place = _("%(what)s (character %(at)s)") % {"what": said(placed["before"]), "at": placed["at"]}
        then = said(placed["after"].strip())
        return _("%(first)s. %(then)s") % {"first": place, "then": then} if then else place
    several = _SENTENCES_END.split(sentence)
    known = _known(sentence)
    if len(several) > 1 and (known is None or all(map(_known, several))):
        return reduce(lambda first, then: _("%(first)s %(then)s") % {"first": first, "then": then}, map(_said, several))
    if known is not None:
        ours, parts = known
        return _(ours) % {name: _part(name, text) for name, text in parts.items()}
    where, _colon, rest = sentence.partition(": ")  # as of a record in one file of many
    return _("%(where)s: %(said)s") % {"where": where, "said": _said(rest)} if _known(rest) else sentence


def _part(name: str, text: str) -> str:
    if name == "one_of":
        return _(" or ").join(map(said, text.split(" or ")))
    if name == "changes":
        return _(", ").join(map(said, text.split(", ")))
    if name in ("state", "class", "role"):
        return str(word(text))
    return said(text) if name in ("what", "why", "where", "server") else text


@lru_cache(maxsize=2000)
def _known(sentence: str) -> tuple[str, dict[str, str]] | None:
    """The original of ours that says it, and what its places are filled with."""
    for pattern, ours in _patterns():
        found = pattern.fullmatch(sentence)
        if found is not None:
            return ours, found.groupdict()
    return None


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The longer a sentence is, the earlier it is looked for, so that one with more words of its own wins."""
    sentences: Mapping[str, str] = {**{sentence: sentence for sentence in (*_SENTENCES, *told.SENTENCES)}, **_OTHERWISE}
    ordered = sorted(sentences, key=lambda text: -len(re.sub(r"%\(\w+\)s", "", text)))
    return [(_pattern(text), sentences[text]) for text in ordered]


def _pattern(sentence: str) -> re.Pattern[str]:
    escaped = re.sub(r"%\\\((state|class|role)\\\)s", r"(?P<\1>[\\w-]+)", re.escape(sentence))
    escaped = re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+?)", escaped)
    return re.compile(escaped, re.DOTALL)
