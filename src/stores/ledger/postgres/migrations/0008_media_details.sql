-- What is known of a post's media beyond its picture (`domain::media::MediaDetails`), as JSON. Older posts have none of it.
ALTER TABLE posts ADD COLUMN media_details TEXT NOT NULL DEFAULT '{}';
