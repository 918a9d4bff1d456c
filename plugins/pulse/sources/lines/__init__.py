"""Files of records: read once into sealed chunks of contract rows, whatever their platform; loads come from those."""
