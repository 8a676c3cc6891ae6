"""What a run says of what went wrong, sentence by sentence, for the portal to say it in the visitor's language.

A test holds them against every error that can end a run, so that none is left in English alone.
"""

from typing import Final

from hub.web.told import contents, contracts, receivers, settings, sources, systems

SENTENCES: Final = (
    *sources.SENTENCES,
    *contracts.SENTENCES,
    *contents.SENTENCES,
    *systems.SENTENCES,
    *settings.SENTENCES,
    *receivers.SENTENCES,
)
