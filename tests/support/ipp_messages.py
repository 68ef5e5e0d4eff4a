"""IPP messages of every kind, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from shared.ipp import Attribute, Group, Message, Tag
from shared.ipp import values as v
from shared.ipp.tags import LAST_DELIMITER

int32 = st.integers(-(2**31), 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.text(st.sampled_from("abcdefgxyz-"), min_size=1, max_size=30)
octets = st.binary(max_size=40)
languages = st.sampled_from(["en", "de", "en-us", "fr-ca", ""])

KNOWN = {int(tag) for tag in Tag}
unknown_tags = st.sampled_from([tag for tag in range(0x20, 0x100) if tag not in KNOWN])
group_tags = st.sampled_from([tag for tag in range(LAST_DELIMITER + 1) if tag != Tag.END])

flat_values: st.SearchStrategy[v.Value] = st.one_of(
    st.builds(v.Integer, int32),
    st.builds(v.Enum, int32),
    st.builds(v.Boolean, st.booleans()),
    st.builds(v.OctetString, octets),
    st.builds(v.DateTime, st.binary(min_size=11, max_size=11)),
    st.builds(v.Resolution, int32, int32, st.integers(0, 255)),
    st.builds(v.RangeOfInteger, int32, int32),
    st.builds(v.TextWithLanguage, languages, texts),
    st.builds(v.NameWithLanguage, languages, texts),
    *(
        st.builds(kind, texts)
        for kind in (
            v.Text,
            v.Name,
            v.Keyword,
            v.Uri,
            v.UriScheme,
            v.Charset,
            v.NaturalLanguage,
            v.MimeMediaType,
        )
    ),
    st.builds(v.OutOfBand, st.integers(0x10, 0x1F), st.just(b"") | octets),
    st.builds(v.Unknown, unknown_tags, octets),
    st.builds(v.Unknown, st.just(int(Tag.EXTENSION)), st.binary(min_size=4, max_size=40)),
)


def _attributes(values: st.SearchStrategy[v.Value]) -> st.SearchStrategy[Attribute]:
    return st.builds(Attribute, names, st.lists(values, min_size=1, max_size=3).map(tuple))


def _collections(values: st.SearchStrategy[v.Value]) -> st.SearchStrategy[v.Value]:
    return st.builds(v.Collection, st.lists(_attributes(values), max_size=3).map(tuple))


values: st.SearchStrategy[v.Value] = st.recursive(flat_values, _collections, max_leaves=6)
attributes = _attributes(values)
groups = st.builds(Group, group_tags, st.lists(attributes, max_size=4).map(tuple))
messages = st.builds(
    Message,
    st.tuples(st.integers(0, 255), st.integers(0, 255)),
    st.integers(0, 0xFFFF),
    int32,
    st.lists(groups, max_size=4).map(tuple),
)
