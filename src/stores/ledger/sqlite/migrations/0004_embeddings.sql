-- Embeddings of posts' pictures, by the model that made them. `vector` is 32-bit floats, little-endian; `slot` follows
-- from the post's id.

CREATE TABLE embedding_models (
    id INTEGER PRIMARY KEY,
    version TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE post_embeddings (
    post_id INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    perceptual_hash INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (post_id, model_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX post_embeddings_by_slot ON post_embeddings (model_id, slot, post_id);
