"""What a model too small to copy a line without inventing may write: a grammar made from a schema and one text.

Each rule only narrows, and the model still chooses; the value is validated against the schema as it was declared.

1. A string whose format is a date, or whose member is named after an address, a handle, a link, a phone number, a date
   or the like, is one of those that stand in the text, where there are any; so is a number. A date with the format is
   written as ISO 8601 has it. One of these that may be null is null where the text has none, however the schema says
   that it may be; an address is not null where an item's part has one.
2. The name of a person, a place or a company is a run of capitalised words, where there are any.
3. Any other free string is some words in a row from one sentence of the text, without what rules 1 found for another
   member, and without words at the ends that only join others.
4. A list goes through the text once, in its order: each item is taken from a part of its own, and parts may be left
   out. A part begins at a person's name, or is a line, a sentence or a clause. Where items have to carry an address, a
   part is what stands around one; where the text is a list or a table, a part is a row that has what items have to
   have. No part with such an address and no row is left out, unless it may be another list's.
5. Enumerations and constants stay; patterns and lengths that a choice does not show are left to validation.
"""

from gateway.providers.verbatim.grammar import grammar

__all__ = ["grammar"]
