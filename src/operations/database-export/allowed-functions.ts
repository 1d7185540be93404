/**
 * Functions of `pg_catalog` that any export may call: they compute from their arguments and the clock, and nothing else.
 * Left out on purpose: whatever reads settings, files, catalogs or other queries, waits, locks, signals, or changes state
 * (pg_*, current_setting, set_config, nextval, lo_*, dblink, query_to_xml, ts_stat, ts_rewrite, has_*_privilege …).
 */
export const BUILT_IN_FUNCTIONS: ReadonlySet<string> = new Set(
  [
    // aggregates and windows
    'count sum avg min max array_agg string_agg bool_and bool_or every bit_and bit_or bit_xor any_value',
    'json_agg jsonb_agg json_object_agg jsonb_object_agg corr covar_pop covar_samp regr_avgx regr_avgy regr_count',
    'regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp variance var_pop var_samp',
    'mode percentile_cont percentile_disc row_number rank dense_rank percent_rank cume_dist ntile lag lead',
    'first_value last_value nth_value',
    // text
    'ascii btrim bit_length char_length character_length chr concat concat_ws format initcap left length lower lpad ltrim',
    'md5 normalize is_normalized octet_length overlay position quote_literal quote_nullable quote_ident regexp_count',
    'regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table',
    'regexp_substr repeat replace reverse right rpad rtrim split_part starts_with string_to_array string_to_table strpos',
    'substr substring to_hex translate trim upper like_escape similar_to_escape sha224 sha256 sha384 sha512 encode decode',
    'convert_from convert_to get_byte casefold crc32',
    // numbers
    'abs acos asin atan atan2 cbrt ceil ceiling cos cot degrees div exp factorial floor gcd lcm ln log log10 min_scale mod',
    'pi power pow radians random round scale sign sin sinh cosh tanh sqrt tan trim_scale trunc width_bucket',
    // dates and times
    'age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours justify_interval',
    'make_date make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp timeofday',
    'timezone to_char to_date to_number to_timestamp transaction_timestamp date_add date_subtract',
    // json
    'array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object',
    'json_each json_each_text json_extract_path json_extract_path_text json_object json_object_keys json_strip_nulls',
    'json_typeof row_to_json to_json to_jsonb jsonb_array_elements jsonb_array_elements_text jsonb_array_length',
    'jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text',
    'jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query',
    'jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof',
    // arrays, ranges, sets, identifiers, addresses, full text
    'array_append array_cat array_dims array_length array_lower array_ndims array_position array_positions array_prepend',
    'array_remove array_replace array_to_string array_upper cardinality unnest trim_array array_reverse array_sort',
    'isempty lower_inc lower_inf upper_inc upper_inf range_merge generate_series generate_subscripts',
    'gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version host hostmask masklen netmask network family',
    'to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline',
    'num_nonnulls num_nulls greatest least',
  ].flatMap((line) => line.split(' ')),
);

/** Types of `pg_catalog` that a query may cast to. The reg* types are left out: they ask the catalogs for names. */
export const BUILT_IN_TYPES: ReadonlySet<string> = new Set(
  [
    'bool int2 int4 int8 float4 float8 numeric money text varchar bpchar char name bytea bit varbit',
    'date time timetz timestamp timestamptz interval uuid json jsonb jsonpath inet cidr macaddr macaddr8',
    'point line lseg box path polygon circle tsvector tsquery record',
    'int4range int8range numrange daterange tsrange tstzrange',
    'int4multirange int8multirange nummultirange datemultirange tsmultirange tstzmultirange',
  ].flatMap((line) => line.split(' ')),
);
