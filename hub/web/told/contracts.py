"""What a run says of its stream's contract, of the hub itself, and of single records."""

from typing import Final

from django.utils.translation import gettext_noop

SENTENCES: Final = (
    gettext_noop("%(count)s values are not of their field's type."),
    gettext_noop(
        "Look at the run's rejects: correct the source or the field's contract, or set the contract's types "
        "to quarantine."
    ),
    gettext_noop("%(some)s of %(rows)s rows break the dataset's contract."),
    gettext_noop(
        "Look at the run's rejects: correct the source or the field's contract, or set the contract's rows to"
        " quarantine."
    ),
    gettext_noop("%(some)s of %(rows)s rows break the dataset's contract, more than %(share)s."),
    gettext_noop(
        "Look at the run's rejects: correct the source or the field's contract, and sync again; or let the "
        "run go on (release it), and the good rows come in."
    ),
    gettext_noop("The source's columns have other types: %(changes)s."),
    gettext_noop("%(name)s was %(before)s and is %(after)s"),
    gettext_noop("Have the source give them as before, or set the contract's types to quarantine."),
    gettext_noop("The source's columns have changed: new are %(added)s; gone are %(gone)s."),
    gettext_noop("The source's columns have changed: new are %(added)s."),
    gettext_noop("The source's columns have changed: gone are %(gone)s."),
    gettext_noop("Have the source give them as before, or set the contract's columns to hold or evolve."),
    gettext_noop(
        "Have the source give them as before and sync again; or let the run go on (release it): what is new "
        "comes in, hidden until somebody classifies it, and what is gone has no values."
    ),
    gettext_noop("The last line has no end, as it had in all files before: %(names)s."),
    gettext_noop("The file may have been cut short within its last value: look at its end."),
    gettext_noop(
        "If it is whole, let the run go on (release it), and nobody is asked again; else have it written "
        "again and sync again."
    ),
    gettext_noop("The dataset would go from %(before)s rows to %(after)s."),
    gettext_noop("If the source is right, let the run go on (release it); else correct it and sync again."),
    gettext_noop("%(dataset)s has no primary key, without which no row is told from another."),
    gettext_noop("Give the dataset a primary key, or have the stream replace everything."),
    gettext_noop("Correct the stream."),
    gettext_noop("The run took longer than %(seconds)s seconds."),
    gettext_noop("Read less at a time, or raise max_run_seconds in the source's config."),
    gettext_noop("The run was cancelled; nothing was changed."),
    gettext_noop("The run was cancelled before it began."),
    gettext_noop("A later run of the stream has come to its end."),
    gettext_noop("Look at that one."),
    gettext_noop("The hub's own database failed while it loaded the rows."),
    gettext_noop("Look at its disk and log; the next run starts anew."),
    gettext_noop("The hub failed with %(error)s."),
    gettext_noop("The worker's log has more."),
    gettext_noop("The worker died %(count)s times over this run without getting further; it is not tried again."),
    gettext_noop("Look into the worker's log for what happened, and at the source for rows of unusual size."),
    gettext_noop("These secrets were sealed with the key %(key)s, which is not here."),
    gettext_noop("Start the hub with the HUB_SECRET_KEY and HUB_SECRETS_KEYS it had, or enter the secrets again."),
    gettext_noop("%(dataset)s takes files by hand."),
    gettext_noop("The stream %(stream)s or its source is switched off."),
    gettext_noop("Switch it on first."),
    gettext_noop("Loading %(dataset)s"),
    gettext_noop("%(what)s is for the publishers of %(agency)s."),
    gettext_noop("Ask for the role %(role)s in %(agency)s, or to steward %(thing)s (%(act)s)."),
    gettext_noop("The run is not held: it is %(state)s."),
    gettext_noop("Another run of the stream is on its way."),
    gettext_noop("Wait for its end; it takes this one's place."),
    gettext_noop("No record of this run is kept to be tried again."),
    gettext_noop("Records go once they were tried again, or a later run has replaced all rows; sync the stream."),
    gettext_noop("%(dataset)s is filled by the stream %(stream)s."),
    gettext_noop("Bring the file with mode merge or append, or switch the stream off."),
    gettext_noop("Another file is on its way into %(dataset)s."),
    gettext_noop("Wait for the end of its run."),
    gettext_noop("There is no file."),
    gettext_noop("The file has more than %(most)s MiB."),
    gettext_noop("Bring it in parts, or put it where a stream reads it."),
    gettext_noop("The quotes in this line do not match."),
    gettext_noop("There are %(count)s cells in this line instead of %(width)s."),
    gettext_noop("There are %(count)s cells in this row instead of %(width)s."),
    gettext_noop("A value is nested too deep to be read."),
    gettext_noop("This line is no JSON document."),
    gettext_noop("This record is not an object with named values."),
    gettext_noop("A value holds the character NUL, which cannot be stored."),
    gettext_noop("A value holds half of a character (a lone surrogate), as of a text that was cut."),
    gettext_noop("A text of this row is not in its column's encoding."),
    gettext_noop("The value is missing, and the field needs one."),
    gettext_noop("The value is longer than %(most)s MiB, or would be with its numbers written out."),
    gettext_noop("The value is nested more than %(most)s levels deep."),
    gettext_noop("The value is not of type %(type)s."),
    gettext_noop("The value is below %(limit)s."),
    gettext_noop("The value is above %(limit)s."),
    gettext_noop("The value does not have the form that the field asks for."),
    gettext_noop("The value is none of the field's codes."),
    gettext_noop("Another row of this load has the same key; the first counts."),
    gettext_noop("There is already a row with this key and other values."),
)
