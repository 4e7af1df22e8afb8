package config

// Keys is the configuration of `konstruct keys`.
type Keys struct {
	Database    Database
	Log         Log
	SecretsKeys SecretsKeys `env:"KONSTRUCT_SECRETS_KEY"`
}

// LoadKeys loads [Keys], with the checks of [LoadServe]. The error is [Faults].
func LoadKeys(env Env) (Keys, error) {
	var keys Keys
	faults := parse(&keys, env)

	keys.Database.check(&faults, ownerUser(env))
	if !faults.has("KONSTRUCT_SECRETS_KEY") {
		faults.require("KONSTRUCT_SECRETS_KEY", keys.SecretsKeys.IsSet(),
			"is required; list the new key first, then the keys that are still in use")
	}
	if !keys.Database.URL.IsLoopback() || hasProxies(env) {
		faults.refuseExample(databaseVariable, keys.Database.URL.password())
		keys.refuseExampleSeal(&faults)
	}
	if err := faults.err(); err != nil {
		return Keys{}, err
	}

	return keys, nil
}

// refuseExampleSeal refuses the example as the sealing key. As an older key it can be rotated out.
func (k Keys) refuseExampleSeal(faults *Faults) {
	if all := k.SecretsKeys.Reveal(); len(all) > 0 {
		faults.refuseExample("KONSTRUCT_SECRETS_KEY", string(all[0]))
	}
}
