"""An AI factory: a governed pipeline from raw data to reliable predictions, with gates that bind."""
