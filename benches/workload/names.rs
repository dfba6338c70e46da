//! What the features are called, and of what size their values are.

/// Counts, and their means.
pub const INTS: &[(&str, f64)] = &[
    ("purchase_count_1d", 2.0),
    ("purchase_count_7d", 8.0),
    ("purchase_count_30d", 30.0),
    ("session_count_7d", 5.0),
    ("session_count_30d", 20.0),
    ("click_count_1h", 3.0),
    ("click_count_24h", 15.0),
    ("click_count_7d", 90.0),
    ("cart_add_count_7d", 6.0),
    ("cart_remove_cnt_7d", 2.0),
    ("refund_count_90d", 1.0),
    ("support_tickets_90d", 1.0),
    ("days_since_signup", 700.0),
    ("days_since_last_order", 40.0),
    ("distinct_merchants_30d", 12.0),
    ("distinct_devices_30d", 3.0),
    ("failed_logins_24h", 1.0),
    ("push_opens_7d", 9.0),
    ("email_opens_30d", 14.0),
    ("wishlist_item_count", 25.0),
];

/// Floats, and their significant digits.
pub const FLOATS: &[(&str, usize)] = &[
    ("avg_order_value_30d", 6),
    ("avg_order_value_90d", 6),
    ("total_spend_7d", 7),
    ("total_spend_30d", 8),
    ("lifetime_value_usd", 9),
    ("avg_session_secs_7d", 10),
    ("click_rate_7d", 17),
    ("conversion_rate_30d", 16),
    ("cart_abandon_rate_30d", 17),
    ("refund_rate_90d", 15),
    ("churn_score_v3", 6),
    ("fraud_score_v7", 17),
    ("price_sensitivity_est", 12),
    ("discount_affinity", 17),
    ("recency_decay_score", 16),
    ("engagement_score_7d", 17),
    ("geo_velocity_kmh_24h", 8),
    ("embedding_norm_v2", 17),
    ("spend_stddev_90d", 16),
    ("basket_entropy_30d", 17),
];

/// Categories, and how many words each has.
pub const TEXTS: &[(&str, usize)] = &[
    ("country_code_iso", 180),
    ("primary_category", 60),
    ("favourite_brand", 400),
    ("device_platform", 4),
    ("acquisition_channel", 12),
    ("loyalty_tier_name", 5),
    ("preferred_payment", 7),
    ("home_region_slug", 250),
];

pub const BOOLS: &[&str] = &["is_prime_member", "has_verified_email"];
