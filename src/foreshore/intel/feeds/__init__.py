"""One file per source of threat intelligence; a new one is found by being here.

A feed is a frozen dataclass called PLUGIN: `sniff(head)` says whether a file is its own by content,
`parse(body, wanted)` yields Arrow tables in the layout of `intel.rows.SCHEMA`. The last rows are
markers (weakness `*`, kind `feed:NAME`): they say that, and of which date, the source was read.
"""
