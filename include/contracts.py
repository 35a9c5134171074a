"""The lake contract: every schema, table and column that others may rely on, declared once.

Types are DuckDB's. Timestamps are UTC without a zone. DuckLake has no keys: the grain of a table is
kept by the code that writes it and checked by the audits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    doc: str


@dataclass(frozen=True)
class Table:
    """One lake table.  sort: columns the files are sorted by."""

    schema: str
    name: str
    grain: str
    columns: tuple[Column, ...]
    sort: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True)
class View(Table):
    """A view of the lake.  sql: its query."""

    sql: str = ""


def _columns(*specs: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*spec) for spec in specs)


_BATCH = (
    ("batch_id", "VARCHAR", "batch that brought the row: see ops.ingests"),
    ("ingested_at", "TIMESTAMP", "when the batch was taken in, UTC"),
)

# Fields of the landing contract, in order; the first ones of each are required.
EVENT_FIELDS = (
    ("event_id", "VARCHAR", "given by the shop or app, else a stable hash of the row's fields"),
    ("user_id", "VARCHAR", "who did it, as the landed row names them"),
    ("item_id", "VARCHAR", "what it was done to; raw.items may have no row for it"),
    ("event_type", "VARCHAR", "a type that the domain file lists, as rating or purchase"),
    ("event_at", "TIMESTAMP", "when it happened, UTC"),
    ("value", "DOUBLE", "the event's own number: stars, pieces, seconds …; null where it has none"),
    ("session_id", "VARCHAR", "visit or basket it belongs to; null where unknown"),
    ("variant", "VARCHAR", "A/B variant the person saw; null outside experiments"),
    ("context", "VARCHAR", "JSON object with whatever else was landed, as a device; null where nothing was"),
    ("text", "VARCHAR", "what the person wrote: a review, a comment, a query; null where nothing was"),
    ("recommendation_id", "VARCHAR", "of the answer that led here, as the API gave it; null where none did"),
)
ITEM_FIELDS = (
    ("item_id", "VARCHAR", "the item, as events name it"),
    ("title", "VARCHAR", "what people call it; shown in reasons"),
    ("description", "VARCHAR", "long text; null where there is none"),
    ("category", "VARCHAR", "main category, as Comedy; null where unknown"),
    ("tags", "VARCHAR", "tags as landed, one text; null where there are none"),
    ("attributes", "VARCHAR", 'JSON object of further facts, as {"year": 1997}; null where there are none'),
    ("vectors", "VARCHAR", 'JSON object of vectors of pictures, sound …, as {"image": [0.1, …]}; null: none'),
    ("available_from", "TIMESTAMP", "not recommended before, UTC; null: no such limit"),
    ("available_to", "TIMESTAMP", "not recommended from then on, UTC; null: no such limit"),
    ("updated_at", "TIMESTAMP", "when this version was made, UTC: the newest wins; null is older than any"),
)
USER_FIELDS = (
    ("user_id", "VARCHAR", "the person, as events name them"),
    ("attributes", "VARCHAR", 'JSON object, as {"age_band": "18-24"}; null where there are none'),
)
RELATION_FIELDS = (
    ("item_id", "VARCHAR", "an item, as events name it"),
    ("relation", "VARCHAR", "how it belongs to the other one, as series, author or accessory"),
    ("other_item_id", "VARCHAR", "the item that it belongs to"),
    ("weight", "DOUBLE", "how strongly, from 0; 0 takes the relation back, null counts as 1"),
)
REQUIRED = {
    "events": ("user_id", "item_id", "event_type", "event_at"),
    "items": ("item_id", "title"),
    "users": ("user_id",),
    "relations": ("item_id", "relation", "other_item_id"),
}

_TABLES = (
    Table(
        "raw",
        "events",
        "accepted event",
        _columns(*EVENT_FIELDS, *_BATCH),
    ),
    Table("raw", "items", "item, its newest version", _columns(*ITEM_FIELDS, *_BATCH)),
    Table("raw", "users", "user, its newest version", _columns(*USER_FIELDS, *_BATCH)),
    Table(
        "raw",
        "relations",
        "item × relation × other item, as it landed last",
        _columns(*RELATION_FIELDS, *_BATCH),
    ),
    Table(
        "raw",
        "quarantine",
        "rejected row",
        _columns(
            ("source", "VARCHAR", "events, items, users or relations, and the file or topic it came from"),
            ("position", "BIGINT", "line or row number from 1, or the offset; 0: the whole file"),
            ("reason", "VARCHAR", "why, as a word of the documented list and its detail"),
            ("raw", "VARCHAR", "the row as it came"),
            *_BATCH,
        ),
    ),
    Table(
        "features",
        "user_items",
        "user × item",
        _columns(
            ("user_id", "VARCHAR", "the person"),
            ("item_id", "VARCHAR", "an item they touched"),
            ("weight", "DOUBLE", "sum of event weight × half-life decay, as of as_of; may be <= 0"),
            ("events", "BIGINT", "events of the pair"),
            ("first_event_at", "TIMESTAMP", "first event of the pair, UTC"),
            ("last_event_at", "TIMESTAMP", "last event of the pair, UTC"),
            (
                "as_of",
                "TIMESTAMP",
                "instant that weight is decayed to; the same decay brings it to a later one",
            ),
        ),
        sort=("user_id", "item_id"),
    ),
    Table(
        "features",
        "user_stats",
        "user",
        _columns(
            ("user_id", "VARCHAR", "the person"),
            ("events", "BIGINT", "events of the person"),
            ("items", "BIGINT", "distinct items they touched"),
            ("weight", "DOUBLE", "sum of the person's weights, decayed to the nightly's as_of"),
            ("first_event_at", "TIMESTAMP", "their first event, UTC"),
            ("last_event_at", "TIMESTAMP", "their last event, UTC"),
        ),
        sort=("user_id",),
    ),
    Table(
        "features",
        "item_stats",
        "item",
        _columns(
            ("item_id", "VARCHAR", "the item"),
            ("events", "BIGINT", "events of the item"),
            ("users", "BIGINT", "distinct people who touched it"),
            ("weight", "DOUBLE", "sum of the item's weights, decayed to the nightly's as_of"),
            ("recent_events", "BIGINT", "events in the last recency window"),
            ("first_event_at", "TIMESTAMP", "its first event, UTC"),
            ("last_event_at", "TIMESTAMP", "its last event, UTC"),
        ),
        sort=("item_id",),
    ),
    Table(
        "features",
        "item_embeddings",
        "text model × text",
        _columns(
            ("model", "VARCHAR", "text model and its version"),
            ("text_hash", "VARCHAR", "sha256 of the item text"),
            ("embedding", "FLOAT[]", "the text's vector, of length 1"),
            ("embedded_at", "TIMESTAMP", "when it was made, UTC"),
        ),
    ),
    Table(
        "features",
        "item_attributes",
        "item × label",
        _columns(
            ("item_id", "VARCHAR", "the item"),
            ("attribute", "VARCHAR", "what the label is of: category, tag, a group of the taxonomy, topic …"),
            ("label", "VARCHAR", "the label, as Comedy"),
            ("confidence", "DOUBLE", "how sure it is, 0.5 to 1; 1 where the item landed with it"),
            (
                "origin",
                "VARCHAR",
                "landed; learned: from texts of items that landed with it; prompt: from its words; topic",
            ),
            ("model_version", "VARCHAR", "model that told it: see ops.model_versions"),
        ),
        sort=("item_id",),
    ),
    Table(
        "features",
        "user_portraits",
        "user with an item",
        _columns(
            ("user_id", "VARCHAR", "the person"),
            ("profile", "VARCHAR", "their taste in a sentence: see features.user_profiles"),
            ("embedding", "FLOAT[]", "mean of their items' texts; null where there are none"),
            (
                "interests",
                "STRUCT(attribute VARCHAR, label VARCHAR, weight DOUBLE, recent_weight DOUBLE,"
                " lift DOUBLE)[]",
                "the strongest first: see features.user_interests",
            ),
            (
                "intent",
                "STRUCT(about VARCHAR, items INTEGER, confidence DOUBLE, drift DOUBLE)",
                "the latest session: see features.user_intents",
            ),
            ("as_of", "TIMESTAMP", "instant of the events in it, UTC"),
            ("model_version", "VARCHAR", "model whose labels it speaks in: see ops.model_versions"),
        ),
        sort=("user_id",),
    ),
    Table(
        "serving",
        "recommendations",
        "user × rank",
        _columns(
            ("user_id", "VARCHAR", "whose list it is"),
            ("rank", "INTEGER", "place in the person's list, 1 is the best"),
            ("item_id", "VARCHAR", "recommended item"),
            (
                "score",
                "DOUBLE",
                "ranking score, without a unit; falls with rank and compares within one list only",
            ),
            ("source", "VARCHAR", "retrieval source that contributed most, as als or popular"),
            ("reason", "VARCHAR", "why, in words for a person: because you liked Alien"),
            ("model_version", "VARCHAR", "model that made it: see ops.model_versions"),
            ("publication_id", "VARCHAR", "publication that brought it: see serving.publications"),
            ("generated_at", "TIMESTAMP", "as_of of the run that made the list"),
            ("share", "FLOAT", "the source's part of what all sources say for the item, 0 to 1"),
        ),
        sort=("user_id", "rank"),
    ),
    Table(
        "serving",
        "candidate_lists",
        "user × source",
        _columns(
            ("user_id", "VARCHAR", "for whom"),
            ("source", "VARCHAR", "retrieval source"),
            ("item_ids", "VARCHAR[]", "what it brought, best first"),
            ("source_scores", "FLOAT[]", "the source's own score of each"),
            ("publication_id", "VARCHAR", "see serving.publications"),
        ),
        sort=("user_id", "source"),
    ),
    Table(
        "serving",
        "similar_items",
        "item × rank",
        _columns(
            ("item_id", "VARCHAR", "the item asked about"),
            ("rank", "INTEGER", "1 is the most similar"),
            ("similar_item_id", "VARCHAR", "similar item"),
            ("score", "DOUBLE", "similarity, without a unit; compares within one item's rows only"),
            (
                "relation",
                "VARCHAR",
                "'taken together' by the same people; of these a 'substitute' is alike in text and a"
                " 'complement' unlike; 'similar text'",
            ),
            ("publication_id", "VARCHAR", "see serving.publications"),
        ),
    ),
    Table(
        "serving",
        "popular_items",
        "segment × rank",
        _columns(
            ("segment", "VARCHAR", "'all', or attribute=value, as age_band=18-24"),
            ("rank", "INTEGER", "1 is the most popular"),
            ("item_id", "VARCHAR", "the item"),
            ("score", "DOUBLE", "popularity within the segment, newer events counting more"),
            ("publication_id", "VARCHAR", "see serving.publications"),
        ),
    ),
    Table(
        "serving",
        "publications",
        "publication",
        _columns(
            ("publication_id", "VARCHAR", "the publication; later ones sort after earlier ones"),
            ("kind", "VARCHAR", "nightly, refresh or rollback"),
            ("as_of", "TIMESTAMP", "cutoff of the data in it, UTC"),
            ("published_at", "TIMESTAMP", "when it was written, UTC, just before its commit"),
            ("model_version", "VARCHAR", "model of its lists: see ops.model_versions"),
            ("users", "BIGINT", "users whose lists it wrote"),
            ("rows", "BIGINT", "rows of serving.recommendations it wrote"),
            ("run_id", "VARCHAR", "DAG run"),
            ("events_snapshot", "BIGINT", "lake snapshot up to which events are contained"),
            (
                "snapshot",
                "BIGINT",
                "lake snapshot that made it live, to be read by `at (version => 42)`",
            ),
        ),
    ),
    Table(
        "ops",
        "ingests",
        "batch × file",
        _columns(
            ("batch_id", "VARCHAR", "batch: rows and ledger entry commit together"),
            ("source", "VARCHAR", "events, items, users or relations"),
            ("file", "VARCHAR", "path below its source's folder, or topic/partition"),
            ("content_hash", "VARCHAR", "sha256 of the file as it lies, or the offsets"),
            ("bytes", "BIGINT", "size of the file in bytes, as it lies"),
            ("status", "VARCHAR", "ingested, unreadable or refused"),
            ("rows_in", "BIGINT", "accepted + quarantined + deduplicated"),
            ("accepted", "BIGINT", "rows that went into raw.*"),
            (
                "quarantined",
                "BIGINT",
                "rows that went into raw.quarantine; negative where a replay took them out",
            ),
            ("deduplicated", "BIGINT", "rows the lake, or the batch, held already"),
            ("late", "BIGINT", "accepted events older than the watermark less the allowed lateness"),
            ("first_event_at", "TIMESTAMP", "oldest accepted event, UTC; null where none was accepted"),
            ("last_event_at", "TIMESTAMP", "newest accepted event, UTC; null where none was accepted"),
            ("ingested_at", "TIMESTAMP", "when the batch was committed, UTC"),
            ("run_id", "VARCHAR", "DAG run"),
        ),
    ),
    Table(
        "ops",
        "unlisted_batches",
        "batch",
        _columns(
            ("batch_id", "VARCHAR", "batch of ops.ingests whose rows no list knows yet"),
            ("source", "VARCHAR", "events, items, users or relations"),
            ("after", "TIMESTAMP", "only its events after that, UTC; null: all of its rows"),
        ),
    ),
    Table(
        "ops",
        "watermarks",
        "source × partition",
        _columns(
            ("source", "VARCHAR", "events, or topic/partition"),
            ("position", "VARCHAR", "newest event time, or the next offset"),
            ("lag_seconds", "DOUBLE", "from the newest event to its ingestion"),
            ("lag_rows", "BIGINT", "rows known to wait"),
            ("updated_at", "TIMESTAMP", "when it last changed, UTC"),
        ),
    ),
    Table(
        "ops",
        "quality_results",
        "run × suite × expectation",
        _columns(
            ("run_id", "VARCHAR", "DAG run"),
            ("suite", "VARCHAR", "input, features, output or lists"),
            ("expectation", "VARCHAR", "what was expected, with its column"),
            ("is_success", "BOOLEAN", "whether it held"),
            ("severity", "VARCHAR", "critical stops the run, warning is told"),
            ("observed", "VARCHAR", "figure found"),
            ("limit", "VARCHAR", "figure allowed"),
            ("checked_at", "TIMESTAMP", "when it was checked, UTC"),
        ),
    ),
    Table(
        "ops",
        "model_versions",
        "model version",
        _columns(
            ("model_version", "VARCHAR", "cutoff of its data and the start of its checksum"),
            (
                "status",
                "VARCHAR",
                "champion: lists come from it; retired: a later one took its place; refused: by the gate;"
                " archived: of a past day",
            ),
            ("trained_at", "TIMESTAMP", "when it was published or refused, UTC"),
            ("as_of", "TIMESTAMP", "cutoff of its data, UTC"),
            ("data_snapshot", "BIGINT", "lake snapshot it was trained on"),
            (
                "git_revision",
                "VARCHAR",
                "commit of the code that trained it; 'unknown' outside a checkout; null for a refused one",
            ),
            (
                "parameters",
                "VARCHAR",
                "JSON: settings of each source, weights of the blend, seed; null for a refused one",
            ),
            ("metrics", "VARCHAR", "JSON: nDCG@10 of what was tried on inner splits; null for a refused one"),
            ("artifact", "VARCHAR", "path below the models folder; null for a refused one"),
            ("checksum", "VARCHAR", "sha256 of the artifact"),
            ("run_id", "VARCHAR", "DAG run"),
        ),
    ),
    Table(
        "features",
        "chat_answers",
        "question to the chat model that it has answered",
        _columns(
            ("key", "VARCHAR", "sha256 of address, model, wording, schema and what was asked about"),
            ("use", "VARCHAR", "attributes or profiles"),
            ("answer", "VARCHAR", "JSON, as it is used"),
            ("answered_at", "TIMESTAMP", "when it was answered, UTC"),
        ),
    ),
    Table(
        "ops",
        "chat_calls",
        "run × use of the chat model",
        _columns(
            ("run_id", "VARCHAR", "DAG run that asked"),
            ("use", "VARCHAR", "attributes or profiles"),
            ("asked", "BIGINT", "different questions that there were"),
            ("cached", "BIGINT", "of these answered before"),
            ("called", "BIGINT", "calls made"),
            ("answered", "BIGINT", "calls with an answer that fits"),
            ("timeout", "BIGINT", "calls without an answer in time"),
            ("failed", "BIGINT", "calls that the server refused or did not take"),
            ("invalid", "BIGINT", "calls whose answer does not fit its schema"),
            ("over_budget", "BIGINT", "not asked: chat.max_calls was spent"),
            ("given_up", "BIGINT", "not asked: chat.max_failures calls in a row had failed"),
            ("problem", "VARCHAR", "the last failure, in words; '' without one"),
            ("seconds", "DOUBLE", "wall time of all calls"),
            ("asked_at", "TIMESTAMP", "when, UTC"),
        ),
    ),
    Table(
        "ops",
        "experiment_results",
        "run × experiment × metric × variant but the first",
        _columns(
            ("run_id", "VARCHAR", "DAG run that read it"),
            ("experiment", "VARCHAR", "its name in the domain file"),
            ("metric", "VARCHAR", "outcomes: events a person; converted: share of people with any"),
            ("variant", "VARCHAR", "what is compared"),
            ("control", "VARCHAR", "with what: the first variant"),
            ("people", "BIGINT", "who saw the variant and no other"),
            ("control_people", "BIGINT", "who saw the control and no other"),
            ("mean", "DOUBLE", "of the metric, over the people of the variant"),
            ("control_mean", "DOUBLE", "over those of the control"),
            (
                "difference",
                "DOUBLE",
                "variant - control, less what people did before (CUPED); null: too few",
            ),
            ("low", "DOUBLE", "95 % interval of it that holds if it is looked at once"),
            ("high", "DOUBLE", "its other end"),
            ("p_value", "DOUBLE", "of no difference, looked at once"),
            (
                "sequential_low",
                "DOUBLE",
                "95 % interval, without CUPED, that holds however often one looks",
            ),
            ("sequential_high", "DOUBLE", "its other end"),
            ("detectable", "DOUBLE", "difference that as many people show in four of five experiments"),
            ("ratio_p_value", "DOUBLE", "of the shares being those that were meant"),
            ("crossed", "BIGINT", "people who saw two variants, left out"),
            ("verdict", "VARCHAR", "better, worse, undecided, stop …, by the sequential interval"),
            ("reported_at", "TIMESTAMP", "when, UTC"),
        ),
    ),
    Table(
        "ops",
        "exports",
        "run × export target that was behind",
        _columns(
            ("run_id", "VARCHAR", "DAG run that exported"),
            ("target", "VARCHAR", "name of the target in the domain file"),
            ("publication_id", "VARCHAR", "publication that it was brought to, or was to be"),
            ("is_whole", "BOOLEAN", "whether everything was written, not only what changed"),
            ("rows", "BIGINT", "rows written"),
            ("deleted", "BIGINT", "lists taken away; of files, old versions"),
            ("seconds", "DOUBLE", "how long it took"),
            ("error", "VARCHAR", "why it failed; '' where it went well"),
            ("exported_at", "TIMESTAMP", "when the run exported, UTC"),
        ),
    ),
    Table(
        "ops",
        "evaluations",
        "run × subject × metric × k",
        _columns(
            ("run_id", "VARCHAR", "DAG run"),
            ("evaluated_at", "TIMESTAMP", "when it was entered, UTC"),
            (
                "split_at",
                "TIMESTAMP",
                "global time split, UTC: trained before, judged after; null where nobody could judge",
            ),
            ("subject", "VARCHAR", "pipeline, a single source, champion, parity …"),
            ("metric", "VARCHAR", "precision, recall, f1, map, ndcg, hit_rate, coverage …"),
            ("k", "INTEGER", "how many ranks of each list count"),
            ("value", "DOUBLE", "the figure, without a unit"),
            ("low", "DOUBLE", "lower end of the 95 % interval over users; null where it has none"),
            ("high", "DOUBLE", "upper end of that interval; null where it has none"),
            ("users", "BIGINT", "users it is a mean over"),
        ),
    ),
    Table(
        "ops",
        "tuning_trials",
        "tuning run × source × trial",
        _columns(
            ("run_id", "VARCHAR", "run of tune_models"),
            ("as_of", "TIMESTAMP", "cutoff of its data, UTC"),
            ("source", "VARCHAR", "retrieval source"),
            ("trial", "INTEGER", "order in which it was tried, from 1"),
            ("params", "VARCHAR", "JSON: the settings tried"),
            ("ndcg", "DOUBLE", "nDCG@10 of the source alone on the inner splits"),
            ("standard_error", "DOUBLE", "of that mean over users"),
            ("users", "BIGINT", "people it was judged by"),
            ("is_chosen", "BOOLEAN", "the best of its source, or tied with it and tried before"),
        ),
    ),
    Table(
        "ops",
        "proposals",
        "proposal of tune_models",
        _columns(
            ("proposal_id", "VARCHAR", "the proposal"),
            ("made_at", "TIMESTAMP", "when it was made, UTC"),
            ("as_of", "TIMESTAMP", "cutoff of the data it was made from, UTC"),
            ("searched_until", "TIMESTAMP", "the search saw no event from here on"),
            ("run_id", "VARCHAR", "run of tune_models"),
            ("model_config", "VARCHAR", "hash of the domain file's part that the model reads"),
            ("settings", "VARCHAR", "JSON: source -> settings"),
            ("ndcg", "DOUBLE", "nDCG@10 of the tuned blend with these settings on the inner splits"),
            ("ndcg_champion", "DOUBLE", "the same with the champion's settings; null without a champion"),
            ("users", "BIGINT", "judged users of the inner splits"),
            ("status", "VARCHAR", "open, taken, refused or outdated"),
            ("decided_at", "TIMESTAMP", "when it ceased to be open"),
            ("decided_by", "VARCHAR", "run that decided: a nightly, or the tuning run itself"),
            ("difference", "DOUBLE", "nDCG@10 against the champion's settings at the nightly's gate"),
            ("low", "DOUBLE", "lower end of its 95 % interval over users"),
            ("high", "DOUBLE", "upper end of that interval"),
            ("note", "VARCHAR", "why it was decided so"),
        ),
    ),
    Table(
        "ops",
        "stages",
        "run × stage",
        _columns(
            ("run_id", "VARCHAR", "DAG run"),
            ("stage", "VARCHAR", "stage of the run"),
            ("rows_in", "BIGINT", "rows it read; null where it does not count them"),
            ("rows_out", "BIGINT", "rows it wrote; null where it does not count them"),
            ("seconds", "DOUBLE", "wall time in seconds"),
            ("peak_rss_bytes", "BIGINT", "largest resident memory of any of its processes, in bytes"),
            ("finished_at", "TIMESTAMP", "when it ended, UTC"),
        ),
    ),
    Table(
        "ops",
        "properties",
        "property of the lake",
        _columns(
            (
                "name",
                "VARCHAR",
                "'domain': whose rows the lake holds; 'published_set': what the newest nightly published",
            ),
            ("value", "VARCHAR", "its value"),
        ),
    ),
    Table(
        "ops",
        "erased_people",
        "person who was erased",
        _columns(
            ("person_hash", "VARCHAR", "keyed hash of the user id; the key is in NIGHTJAR_HOME/erasure.key"),
            ("erased_at", "TIMESTAMP", "when, UTC; rows of the person that land later are refused"),
        ),
    ),
    Table(
        "ops",
        "fence",
        "lock",
        _columns(
            ("name", "VARCHAR", "lock: 'writer'"),
            ("token", "BIGINT", "raised by every write: two writers at once conflict"),
            ("run_id", "VARCHAR", "last writer"),
        ),
    ),
)

# A refresh writes a row a person; the views tell what is in it.
_VIEWS = (
    View(
        "features",
        "user_profiles",
        "user with an item",
        _columns(
            ("user_id", "VARCHAR", "the person"),
            ("profile", "VARCHAR", "their taste in a sentence, as: Mostly thrillers, like Scream (1996)."),
            ("embedding", "FLOAT[]", "mean of their items' texts, of length 1; null where there are none"),
            ("as_of", "TIMESTAMP", "instant of the events in it, UTC"),
            ("model_version", "VARCHAR", "see ops.model_versions"),
        ),
        sql="select user_id, profile, embedding, as_of, model_version from features.user_portraits",
    ),
    View(
        "features",
        "user_interests",
        "user × label",
        _columns(
            ("user_id", "VARCHAR", "the person"),
            ("rank", "INTEGER", "1 tells most of the person"),
            ("attribute", "VARCHAR", "what the label is of: see features.item_attributes"),
            ("label", "VARCHAR", "the label, as Comedy"),
            ("weight", "DOUBLE", "share of the person's weight that goes to it, 0 to 1; an item has several"),
            ("recent_weight", "DOUBLE", "the same lately: by understanding.recent_half_life_days"),
            ("lift", "DOUBLE", "times everyone's share; 1: like everybody, drawn there for short histories"),
            ("as_of", "TIMESTAMP", "instant of the events in it, UTC"),
        ),
        sql="""
            select
                user_id,
                generate_subscripts(interests, 1)::integer as rank,
                unnest(interests).attribute as attribute,
                unnest(interests).label as label,
                unnest(interests).weight as weight,
                unnest(interests).recent_weight as recent_weight,
                unnest(interests).lift as lift,
                as_of
            from features.user_portraits
        """,
    ),
    View(
        "features",
        "user_intents",
        "user with an item",
        _columns(
            ("user_id", "VARCHAR", "the person"),
            ("about", "VARCHAR", "what their latest session is about, as: Comedies: Clueless (1995)"),
            ("items", "INTEGER", "items of that session"),
            ("confidence", "DOUBLE", "0 to 1: share of them that is about it, less where they are few"),
            ("drift", "DOUBLE", "0 to 1: how far the session is from the person's taste"),
            ("as_of", "TIMESTAMP", "instant of the events in it, UTC"),
        ),
        sql="""
            select user_id, intent.about, intent.items, intent.confidence, intent.drift, as_of
            from features.user_portraits
        """,
    ),
    # Written as serving.candidate_lists: a refresh replaces ten rows a user, not a thousand.
    View(
        "serving",
        "candidates",
        "user × source × item",
        _columns(
            ("user_id", "VARCHAR", "user"),
            ("source", "VARCHAR", "retrieval source"),
            ("source_rank", "INTEGER", "rank within the source, 1 is the best"),
            ("item_id", "VARCHAR", "item"),
            ("source_score", "DOUBLE", "the source's own score"),
            ("publication_id", "VARCHAR", "see serving.publications"),
        ),
        sql="""
            select
                user_id,
                source,
                generate_subscripts(item_ids, 1)::integer as source_rank,
                unnest(item_ids) as item_id,
                unnest(source_scores)::double as source_score,
                publication_id
            from serving.candidate_lists
        """,
    ),
)

VIEWS: dict[str, View] = {view.path: view for view in _VIEWS}
# Tables of schema serving that a nightly publishes together, as one set.
# Tables of schema features that a model makes, replaced with it.
UNDERSTOOD = ("item_attributes", "user_portraits")
SERVING_SET = ("recommendations", "candidate_lists", "similar_items", "popular_items")
_ARCHIVED = tuple(
    replace(table, schema="archive", grain=f"backfill × {table.grain}", sort=("publication_id", *table.sort))
    for table in _TABLES
    if table.schema == "serving" and table.name in (*SERVING_SET, "publications")
)
TABLES: dict[str, Table] = {table.path: table for table in (*_TABLES, *_ARCHIVED)}
SCHEMAS: tuple[str, ...] = ("raw", "features", "serving", "archive", "ops")
