-- Embeddings of posts' pictures, by the model that made them. `vector` is 32-bit floats, little-endian; `slot` follows
-- from the post's id. Vectors do not compress, so nobody need try.

CREATE TABLE embedding_models (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version TEXT NOT NULL UNIQUE
);

CREATE TABLE post_embeddings (
    post_id BIGINT NOT NULL,
    model_id BIGINT NOT NULL,
    slot INTEGER NOT NULL,
    perceptual_hash BIGINT NOT NULL,
    vector BYTEA NOT NULL,
    PRIMARY KEY (post_id, model_id)
);
ALTER TABLE post_embeddings ALTER COLUMN vector SET STORAGE EXTERNAL;
CREATE INDEX post_embeddings_by_slot ON post_embeddings (model_id, slot, post_id);
