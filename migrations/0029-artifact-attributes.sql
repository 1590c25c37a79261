-- What the config of an artifact says of it, as Harbor shows it (`extra_attrs`): read when somebody first asks.
create table manifest_attributes (
  manifest_id bigint primary key references manifest on delete cascade,
  attributes json not null, -- json, since a text in it may hold what jsonb can't
  icon bytea -- the digest of the layer that is its icon
);
create index manifest_attributes_icon on manifest_attributes (icon) where icon is not null;

-- The bytes of a digest as people write it.
create function digest_from_text(p_digest text) returns bytea language sql immutable strict
  return decode(case split_part(p_digest, ':', 1) when 'sha256' then '01' else '02' end || split_part(p_digest, ':', 2), 'hex');
