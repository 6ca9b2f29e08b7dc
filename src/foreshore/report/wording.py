"""Words of the report: what people read for each value, and the glossary."""

from __future__ import annotations

TREATMENTS = {
    "act_now": ("Act now", "few; a ticket each, or one for many"),
    "unknown": ("Unknown", "could matter much; one fact decides each"),
    "routine": ("Routine patching", "the usual patching is enough"),
    "watch": ("Watch", "nothing to do until something changes"),
    "accepted": ("Accepted", "a person accepted it, with a reason"),
}
FUNNEL = {
    "findings": "findings read",
    "exposures": "open exposures",
    "in_scope": "in scope",
    "exploitable": "with a working exploit",
    "reachable": "and an attacker can get to them",
    "leads_to_critical": "and they lead to something critical",
}
EXPLOITS = {
    "none_known": "none known",
    "poc": "proof of concept",
    "weaponized": "weaponised",
    "attacks": "used in attacks",
    "ransomware": "used by ransomware",
    "unknown": "unknown",
    "built_in": "none needed",
}
EXPLOIT_ANSWER = {
    "none_known": "no",
    "unknown": "unknown",
}
VERDICTS = {
    "confirmed": "a test confirmed it",
    "refuted": "a test refuted it",
    "inconclusive": "a test was inconclusive",
}
DISPOSITIONS = {
    "false_positive": "false positive",
    "not_applicable": "not applicable",
    "duplicate": "duplicate",
    "not_ours": "not ours",
}
HARM = {
    "marginal": "minor harm to people",
    "critical": "serious harm to people",
    "catastrophic": "lives at stake",
    "mef support crippled": "its work is hampered",
    "mef failure": "its main work stops",
    "mission failure": "the organisation's work stops",
}

GLOSSARY = (
    ("Exposure", "One weakness at one place on one asset, over time. What several scanners say about it "
                 "is one exposure."),
    ("Finding", "What one source said about one asset in one import. Several findings can be one exposure."),
    ("Service", "A business service that people named, with an owner and an impact tier from 1 to 5; 4 and "
                "5 are critical."),
    ("Shared foundation", "What every service stands on: directory, identity provider, hypervisors, backup, "
                          "remote access and the like."),
    ("Treatment", "What is done with an open exposure: act now, routine patching, watch, accepted or "
                  "unknown. Each has exactly one."),
    ("Unknown", "A fact is missing: not scanned, not tested, no firewall data. Unknown is neither safe nor "
                "dangerous; the report names the fact that decides."),
    ("Attack path", "A chain of steps from where an attacker starts to a service. Steps that no evidence "
                    "shows are assumed, and drawn dashed."),
    ("Chance per year", "In how many of the simulated years an attacker harms the service at least once."),
    ("Likely range", "The 5 to 95 % range over everything in the model that is not known exactly."),
    ("Best and worst case", "The chance if every unknown turned out well, and if every one turned out badly."),
    ("Share of modelled risk", "How much of all modelled harm goes through this. Harm is weighted by impact "
                               "tier, or by money where a person confirmed the range."),
    ("Risk removed if fixed", "The share of modelled risk that would vanish without this exposure, or "
                              "with this action done and nothing else."),
    ("Bound", "No plan within the same budget can remove more than this."),
    ("< x", "No simulated year had it, but a path exists: the chance is below x, not zero."),
    ("KEV, EPSS, CVSS, SSVC", "Public views on a weakness: a list of those used in attacks, a chance of "
                              "being tried within 30 days, a severity score, and a decision table."),
)  # fmt: skip
